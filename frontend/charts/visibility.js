// Whether anybody can see an element.

/** Watches an element; `onShow` is called when it can be seen again. */
export class Visibility {
  #inView = true;
  #observer;
  #onShow;

  constructor(element, onShow) {
    this.#onShow = () => this.visible && onShow();
    this.#observer = new IntersectionObserver((entries) => {
      this.#inView = entries.at(-1).isIntersecting;
      this.#onShow();
    });
    this.#observer.observe(element);
    document.addEventListener("visibilitychange", this.#onShow);
  }

  get visible() {
    return this.#inView && !document.hidden;
  }

  stop() {
    this.#observer.disconnect();
    document.removeEventListener("visibilitychange", this.#onShow);
  }
}
