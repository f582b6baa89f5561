// One mounted chart.

import { connect, init } from "echarts/core";

import { dataOption, normalised, shapeOf, withData, withDefaults } from "./option.js";
import { resolve } from "./placeholder.js";
import { Selection } from "./selection.js";
import { kindOf, nameOf } from "./subject.js";
import { colorOf, fontFamily, onTheme } from "./theme.js";
import { Visibility } from "./visibility.js";

/** The handle that mount() returns. */
export class Chart {
  static live = 0;

  #element;
  #chart;
  #option; // as it was given, so that a new theme can be applied to it
  #shape; // what an update has to know of it
  #data = null; // the newest update
  #behind = false; // whether that update is still to be drawn
  #unreported = null; // the newest sample of the update that the next frame shows
  #hovered = false;
  #selection;
  #visibility;
  #resizing;
  #forgetTheme;
  #listening = new AbortController();

  constructor(element, optionJson, hooks) {
    this.#element = element;
    this.#chart = init(element, null, { renderer: "canvas" });
    this.#chart.on("rendered", () => this.#report());
    if (hooks.onClick) this.#chart.on("click", (event) => hooks.onClick(nameOf(event, this.#option), kindOf(event)));
    this.setOption(optionJson);
    this.#selection = new Selection(element, this.#chart, hooks);
    this.#visibility = new Visibility(element, () => this.#catchUp());
    this.#resizing = new ResizeObserver(() => requestAnimationFrame(() => this.#resize()));
    this.#resizing.observe(element);
    this.#forgetTheme = onTheme(() => this.#draw());
    const { signal } = this.#listening;
    element.addEventListener("pointerenter", () => this.#hover(true), { signal });
    element.addEventListener("pointerleave", () => this.#hover(false), { signal });
    Chart.live += 1;
  }

  /** Shows a window of data. Each of `datas` is a flat Float64Array [t0, v0, t1, v1, …] in which NaN is a gap. */
  update(fromMs, toMs, ids, datas, newestMs) {
    this.#data = { fromMs, toMs, ids, datas, newestMs };
    this.#behind = true;
    this.#catchUp();
  }

  /** Replaces everything but the data. */
  setOption(optionJson) {
    this.#option = normalised(JSON.parse(optionJson));
    this.#shape = shapeOf(withDefaults(this.#option));
    const { group } = this.#option.netloom ?? {};
    this.#chart.group = group ?? "";
    if (group) connect(group);
    this.#draw();
  }

  dispose() {
    if (this.#chart.isDisposed()) return;
    this.#listening.abort();
    this.#forgetTheme();
    this.#resizing.disconnect();
    this.#visibility.stop();
    this.#selection.stop();
    this.#chart.dispose();
    Chart.live -= 1;
  }

  #draw() {
    const option = withDefaults(resolve(this.#option, colorOf), fontFamily());
    const full = withView(this.#data ? withData(option, this.#data) : option, this.#chart);
    const tooltip = option.tooltip && { ...option.tooltip, ...this.#tooltip() };
    this.#chart.setOption({ ...full, tooltip }, { notMerge: true, silent: true });
  }

  #catchUp() {
    if (!this.#behind || !this.#visibility.visible) return;
    this.#behind = false;
    this.#chart.setOption(dataOption(this.#shape, this.#data), { lazyUpdate: true, silent: true });
    this.#unreported = this.#data.newestMs;
  }

  // Called while a frame is drawn; a task queued from there runs once the frame is on its way to the screen.
  #report() {
    if (this.#unreported === null) return;
    const newest_ms = this.#unreported;
    this.#unreported = null;
    setTimeout(() => {
      const rendered_ms = performance.timeOrigin + performance.now();
      const detail = { id: this.#element.id, newest_ms, rendered_ms };
      document.dispatchEvent(new CustomEvent("netloom:rendered", { detail }));
    });
  }

  #resize() {
    if (this.#chart.isDisposed()) return;
    const { clientWidth, clientHeight } = this.#element;
    const isSame = clientWidth === this.#chart.getWidth() && clientHeight === this.#chart.getHeight();
    if (!isSame) this.#chart.resize({ silent: true });
  }

  #hover(hovered) {
    this.#hovered = hovered;
    const tooltip = this.#tooltip();
    if (this.#option.netloom?.group && tooltip) this.#chart.setOption({ tooltip }, { lazyUpdate: true, silent: true });
  }

  // Connected charts share the cross-hair; the figures beside it belong to the chart under the pointer alone.
  #tooltip() {
    return this.#option.tooltip && { showContent: this.#hovered || !this.#option.netloom?.group };
  }
}

// A graph keeps where it was moved and zoomed to when its nodes and links are replaced.
function withView(option, chart) {
  if (!option.series?.some(({ type }) => type === "graph")) return option;
  const before = chart.getOption()?.series ?? [];
  const series = option.series.map((item, index) => {
    if (item.type !== "graph" || before[index]?.type !== "graph") return item;
    const { center, zoom } = before[index];
    return { ...item, ...(center && { center }), ...(zoom && { zoom }) };
  });
  return { ...option, series };
}
