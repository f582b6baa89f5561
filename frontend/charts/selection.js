// Choosing a stretch of time by dragging over a chart.

import { graphic } from "echarts/core";

import { colorOf } from "./theme.js";

/** A shorter drag is a click with an unsteady hand. */
const MIN_DRAG_PX = 4;

/** Reports drags as ranges of time, and double clicks; fingers keep scrolling the page. */
export class Selection {
  #element;
  #chart;
  #hooks;
  #start = null;
  #box = null;
  #dragging = new AbortController();
  #listening = new AbortController();

  constructor(element, chart, hooks) {
    this.#element = element;
    this.#chart = chart;
    this.#hooks = hooks;
    element.style.userSelect = "none";
    const { signal } = this.#listening;
    element.addEventListener("pointerdown", (event) => this.#begin(event), { signal });
    const reset = (event) => this.#grid(this.#point(event)) && hooks.onZoomReset?.();
    element.addEventListener("dblclick", reset, { signal });
  }

  stop() {
    this.#clear();
    this.#listening.abort();
  }

  #begin(event) {
    if (event.button !== 0 || event.pointerType === "touch") return;
    const point = this.#point(event);
    const grid = this.#grid(point);
    if (!grid) return;
    this.#clear();
    this.#start = { x: point[0], grid };
    // The pointer may leave the chart, and be released anywhere.
    const { signal } = this.#dragging;
    addEventListener("pointermove", (moved) => this.#extend(moved), { signal });
    addEventListener("pointerup", (released) => this.#finish(released), { signal });
    addEventListener("pointercancel", () => this.#clear(), { signal });
  }

  #extend(event) {
    const x = this.#clamped(event);
    if (!this.#box && Math.abs(x - this.#start.x) < MIN_DRAG_PX) return;
    if (!this.#box) {
      const style = { fill: colorOf("--accent"), opacity: 0.2 };
      this.#box = new graphic.Rect({ silent: true, z: 100, style });
      this.#chart.getZr().add(this.#box);
    }
    const { y, height } = this.#start.grid.rect;
    this.#box.setShape({ x: Math.min(x, this.#start.x), y, width: Math.abs(x - this.#start.x), height });
  }

  #finish(event) {
    if (this.#box) {
      const { grid } = this.#start;
      const at = (x) => this.#chart.convertFromPixel({ gridIndex: grid.index }, [x, grid.rect.y])[0];
      const [from, to] = [this.#start.x, this.#clamped(event)].map(at).sort((a, b) => a - b);
      if (to > from) this.#hooks.onZoom?.(from, to);
    }
    this.#clear();
  }

  #clear() {
    this.#dragging.abort();
    this.#dragging = new AbortController();
    if (this.#box) this.#chart.getZr().remove(this.#box);
    this.#box = null;
    this.#start = null;
  }

  #point(event) {
    const { left, top } = this.#element.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  #clamped(event) {
    const { x, width } = this.#start.grid.rect;
    return Math.min(Math.max(this.#point(event)[0], x), x + width);
  }

  // The plot under a point, if it has a time axis.
  #grid(point) {
    const model = this.#chart.getModel();
    for (let index = 0; model.getComponent("grid", index); index += 1) {
      if (!this.#chart.containPixel({ gridIndex: index }, point)) continue;
      const { coordinateSystem } = model.getComponent("grid", index);
      const isTime = coordinateSystem.getAxis("x")?.type === "time";
      return isTime ? { index, rect: coordinateSystem.getRect() } : null;
    }
    return null;
  }
}
