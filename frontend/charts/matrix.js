// A heat map of all pairs, painted by itself: the chart library draws cell by cell, and a mesh of 256 nodes has 65,536.
//
// Three canvases lie on each other: cells, of which only rows that changed are painted; marks, which change with the
// verdict; and the pointer's cross, which changes with every move.

import { changedRows, colorsOf, layoutOf, offsetOf, placeAt, rampOf, runs, shareOf, stripOf } from "./matrix-layout.js";
import { colorOf, fontFamily, onTheme } from "./theme.js";
import { Visibility } from "./visibility.js";

const RAMP = ["--ramp-1", "--ramp-2", "--ramp-3", "--ramp-4", "--ramp-5"];
/** A canvas wider than this takes more memory than a zoom is worth, device pixels. */
const EXTENT_MAX = 4_096;
const KEYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** The handle that netloomCharts.matrix() returns. */
export class Matrix {
  #element;
  #hooks;
  #layers;
  #names = [];
  #order = new Uint32Array();
  #groups = [];
  #data = null;
  #marks = { doubtful: [], pairs: [] };
  #zoom = 1;
  #layout = null;
  #ratio = 1;
  #painted = null; // the colours on the screen, in its order
  #cursor = null; // [row, column] on the screen
  #touched = null; // what a finger has touched last
  #frame = 0;
  #ramp;
  #visibility;
  #resizing;
  #forgetTheme;
  #listening = new AbortController();

  constructor(element, hooks) {
    this.#element = element;
    this.#hooks = hooks;
    this.#layers = ["cells", "marks", "pointer"].map((name) => {
      const canvas = document.createElement("canvas");
      canvas.className = `matrix-layer matrix-${name}`;
      element.append(canvas);
      return canvas.getContext("2d");
    });
    this.#visibility = new Visibility(element, () => this.#request());
    this.#resizing = new ResizeObserver(() => this.#rearrange());
    this.#resizing.observe(element.parentElement);
    this.#forgetTheme = onTheme(() => this.#rearrange());
    const { signal } = this.#listening;
    element.addEventListener("pointermove", (event) => this.#move(event), { signal });
    element.addEventListener("pointerleave", () => this.#point(null, false), { signal });
    element.addEventListener("click", (event) => this.#pick(event), { signal });
    element.addEventListener("keydown", (event) => this.#key(event), { signal });
    element.addEventListener("blur", () => this.#point(null, false), { signal });
  }

  /** Which nodes there are, in which order they are shown, and at which places groups begin. */
  arrange(names, order, groups) {
    [this.#names, this.#order, this.#groups] = [names, order, [...groups]];
    this.#cursor = null;
    this.#rearrange();
  }

  /** The values by node, the summaries of rows and columns by node, and the ends of the scale. */
  paint(values, rows, columns, low, high, isLog) {
    this.#data = { values, rows, columns, scale: { low, high, isLog } };
    this.#request();
  }

  /** Nodes whose figures are doubtful (1 by node), and pairs to outline (row, column, row, column, ...). */
  mark(doubtful, pairs) {
    this.#marks = { doubtful, pairs };
    if (this.#layout) this.#paintMarks();
  }

  /** How much larger than what fits cells are. */
  zoom(zoom) {
    this.#zoom = zoom;
    this.#rearrange();
  }

  dispose() {
    this.#listening.abort();
    this.#forgetTheme();
    this.#resizing.disconnect();
    this.#visibility.stop();
    cancelAnimationFrame(this.#frame);
    this.#element.replaceChildren();
  }

  #rearrange() {
    if (this.#order.length === 0) return;
    const [cells] = this.#layers;
    cells.font = `11px ${fontFamily()}`;
    const nameWidth = Math.max(...this.#names.map((name) => cells.measureText(name).width));
    const box = this.#element.parentElement;
    const height = Math.max(300, innerHeight - this.#room());
    this.#ratio = devicePixelRatio || 1;
    const room = { size: this.#order.length, groups: this.#groups, width: box.clientWidth - 2, height, nameWidth };
    let layout = layoutOf({ ...room, ratio: this.#ratio, zoom: this.#zoom });
    if (layout.extent * this.#ratio > EXTENT_MAX) {
      layout = layoutOf({ ...room, ratio: this.#ratio, zoom: (this.#zoom * EXTENT_MAX) / (layout.extent * this.#ratio) });
    }
    this.#layout = layout;
    const pixels = Math.round(layout.extent * this.#ratio);
    for (const { canvas } of this.#layers) {
      [canvas.width, canvas.height] = [pixels, pixels];
      canvas.style.width = canvas.style.height = `${layout.extent}px`;
    }
    this.#element.style.width = this.#element.style.height = `${layout.extent}px`;
    this.#ramp = rampOf(RAMP.map((name) => colorOf(name).match(/[\d.]+/g).slice(0, 3).map(Number)));
    this.#painted = null;
    this.#paintNames();
    this.#paintMarks();
    this.#request();
  }

  // What stands around the map: it should be seen whole, with its legend, without scrolling.
  #room() {
    return Number(this.#element.dataset.around ?? 300);
  }

  #request() {
    if (this.#frame || !this.#visibility.visible) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paintCells();
    });
  }

  #paintCells() {
    if (!this.#data || !this.#layout || this.#data.values.length !== this.#order.length ** 2) return;
    const begun = performance.now();
    const { values, scale } = this.#data;
    const size = this.#order.length;
    const colors = colorsOf(values, this.#order, scale, this.#ramp);
    const isWhole = !this.#painted;
    const rows = isWhole ? Array.from({ length: size }, (_, row) => row) : changedRows(this.#painted, colors, size);
    this.#painted = colors;
    if (rows.length > 0) this.#paintRows(colors, rows);
    this.#paintStrips(scale);
    const report = { id: this.#element.id, rows: rows.length, cells: rows.length * size, ms: performance.now() - begun };
    window.netloomFrames?.push(report);
    document.dispatchEvent(new CustomEvent("netloom:painted", { detail: report }));
  }

  #paintRows(colors, rows) {
    const [context] = this.#layers;
    const layout = this.#layout;
    const size = this.#order.length;
    const source = pictureOf(colors, size);
    const { cell } = layout;
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.imageSmoothingEnabled = false;
    const nothing = hatchOf(context, colorOf("--raised"), colorOf("--line"), 1);
    // Rows that follow each other are painted at once, as far as their group goes.
    for (const [first, count] of spans(rows, layout.starts)) {
      const [y, height] = [offsetOf(layout, first), count * cell];
      for (const [column, columns] of runs(layout)) {
        const [x, width] = [offsetOf(layout, column), columns * cell];
        context.fillStyle = nothing;
        context.fillRect(x, y, width, height);
        context.drawImage(source, column, first, columns, count, x, y, width, height);
      }
    }
  }

  #paintStrips(scale) {
    const [context] = this.#layers;
    const layout = this.#layout;
    const at = stripOf(layout);
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.clearRect(at, layout.names, layout.strip + 1, layout.inner);
    context.clearRect(layout.names, at, layout.inner, layout.strip + 1);
    const size = this.#order.length;
    for (let place = 0; place < size; place += 1) {
      const offset = offsetOf(layout, place);
      const node = this.#order[place];
      for (const [value, isRow] of [[this.#data.rows[node], true], [this.#data.columns[node], false]]) {
        if (!Number.isFinite(value)) continue;
        const color = this.#ramp[Math.round(shareOf(value, scale) * 255)];
        context.fillStyle = `rgb(${color & 255} ${(color >> 8) & 255} ${(color >> 16) & 255})`;
        if (isRow) context.fillRect(at, offset, layout.strip, layout.cell);
        else context.fillRect(offset, at, layout.cell, layout.strip);
      }
    }
  }

  #paintNames() {
    const [context] = this.#layers;
    const layout = this.#layout;
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    if (layout.names === 0) return;
    context.font = `11px ${fontFamily()}`;
    context.fillStyle = colorOf("--muted");
    context.textBaseline = "middle";
    const room = layout.names - 8;
    for (const [first, count] of runs(layout)) {
      for (let place = first; place < first + count; place += layout.every) {
        const middle = offsetOf(layout, place) + layout.cell / 2;
        const name = cut(context, this.#names[this.#order[place]], room);
        context.textAlign = "right";
        context.fillText(name, layout.names - 6, middle);
        context.save();
        context.translate(middle, layout.names - 6);
        context.rotate(-Math.PI / 2);
        context.textAlign = "left";
        context.fillText(name, 0, 0);
        context.restore();
      }
    }
  }

  #paintMarks() {
    const [, context] = this.#layers;
    const layout = this.#layout;
    const { cell } = layout;
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.clearRect(0, 0, layout.extent, layout.extent);
    const size = this.#order.length;
    context.fillStyle = colorOf("--surface");
    const hair = 1 / this.#ratio;
    for (let place = 0; place < size; place += 1) {
      const offset = offsetOf(layout, place);
      context.fillRect(offset, offset, cell, cell);
      if (cell >= 6) {
        context.fillRect(layout.names, offset + cell - hair, layout.inner, hair);
        context.fillRect(offset + cell - hair, layout.names, hair, layout.inner);
      }
    }
    const doubt = hatchOf(context, "transparent", colorOf("--text"), -1);
    const placeOf = new Map([...this.#order].map((node, place) => [node, place]));
    this.#marks.doubtful.forEach((isDoubtful, node) => {
      if (!isDoubtful || !placeOf.has(node)) return;
      context.fillStyle = doubt;
      context.fillRect(layout.names, offsetOf(layout, placeOf.get(node)), layout.inner, cell);
    });
    for (let at = 0; at < this.#marks.pairs.length; at += 2) {
      const [row, column] = [placeOf.get(this.#marks.pairs[at]), placeOf.get(this.#marks.pairs[at + 1])];
      if (row === undefined || column === undefined) continue;
      frame(context, offsetOf(layout, column), offsetOf(layout, row), cell, [colorOf("--surface"), colorOf("--critical")]);
    }
  }

  #paintPointer() {
    const [, , context] = this.#layers;
    const layout = this.#layout;
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.clearRect(0, 0, layout.extent, layout.extent);
    if (!this.#cursor) return;
    const [row, column] = this.#cursor;
    const [x, y] = [offsetOf(layout, column), offsetOf(layout, row)];
    context.globalAlpha = 0.12;
    context.fillStyle = colorOf("--text");
    context.fillRect(0, y, layout.extent, layout.cell);
    context.fillRect(x, 0, layout.cell, layout.extent);
    context.globalAlpha = 1;
    frame(context, x, y, layout.cell, [colorOf("--surface"), colorOf("--accent")]);
  }

  #at(event) {
    if (!this.#layout) return null;
    const { left, top } = this.#element.getBoundingClientRect();
    const [row, column] = [event.clientY - top, event.clientX - left].map((px) => placeAt(this.#layout, px));
    return row < 0 || column < 0 || row === column ? null : [row, column];
  }

  #move(event) {
    const cell = this.#at(event);
    if (cell?.[0] !== this.#cursor?.[0] || cell?.[1] !== this.#cursor?.[1]) this.#point(cell, false);
  }

  #pick(event) {
    const cell = this.#at(event);
    if (!cell) return;
    // A finger has no hover: its first touch shows what it would open.
    const isNew = cell[0] !== this.#touched?.[0] || cell[1] !== this.#touched?.[1];
    this.#touched = cell;
    if (event.pointerType === "touch" && isNew) this.#point(cell, false);
    else this.#hooks.onPick?.(this.#order[cell[0]], this.#order[cell[1]]);
  }

  #key(event) {
    if (event.key === "Enter" && this.#cursor) {
      this.#hooks.onPick?.(this.#order[this.#cursor[0]], this.#order[this.#cursor[1]]);
    } else if (event.key === "Escape") {
      this.#point(null, true);
    } else if (KEYS[event.key] && this.#layout) {
      this.#point(this.#stepped(KEYS[event.key]), true);
    } else {
      return;
    }
    event.preventDefault();
  }

  // The next cell that way; the diagonal is stepped over.
  #stepped([down, right]) {
    const size = this.#order.length;
    if (!this.#cursor) return size > 1 ? [0, 1] : null;
    const [row, column] = this.#cursor;
    for (const steps of [1, 2]) {
      const next = [row + down * steps, column + right * steps];
      if (next.some((at) => at < 0 || at >= size)) return this.#cursor;
      if (next[0] !== next[1]) return next;
    }
    return this.#cursor;
  }

  // `byKeys` tells a cell that is to be read out from one that the pointer only passes.
  #point(cell, byKeys) {
    this.#cursor = cell;
    if (!this.#layout) return;
    this.#paintPointer();
    if (!cell) return void this.#hooks.onPoint?.(-1, -1, 0, 0, byKeys);
    const [row, column] = cell;
    const [x, y] = [offsetOf(this.#layout, column), offsetOf(this.#layout, row)];
    // The map may be narrower than the box in which what is said about the cell lies.
    const { offsetLeft, offsetTop } = this.#element;
    const [right, bottom] = [offsetLeft + x + this.#layout.cell, offsetTop + y + this.#layout.cell];
    this.#hooks.onPoint?.(this.#order[row], this.#order[column], right, bottom, byKeys);
    if (byKeys) reveal(this.#element.parentElement, x, y, this.#layout.cell);
  }
}

/** Scrolls so that a cell is in view. */
function reveal(box, x, y, cell) {
  const MARGIN = 24;
  const shifted = (from, extent, at) => Math.min(Math.max(from, at + cell + MARGIN - extent), Math.max(0, at - MARGIN));
  box.scrollLeft = shifted(box.scrollLeft, box.clientWidth, x);
  box.scrollTop = shifted(box.scrollTop, box.clientHeight, y);
}

/** The colours as a picture of one pixel a cell. */
function pictureOf(colors, size) {
  const canvas = new OffscreenCanvas(size, size);
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(colors.buffer), size, size), 0, 0);
  return canvas;
}

/** Neighbouring rows as [first, how many]; none crosses the begin of a group. */
function spans(rows, starts) {
  const spans = [];
  for (const row of rows) {
    const last = spans.at(-1);
    if (last && last[0] + last[1] === row && !starts.includes(row)) last[1] += 1;
    else spans.push([row, 1]);
  }
  return spans;
}

/** Thin lines aslant on a ground; `slope` is 1 or -1. */
function hatchOf(context, ground, line, slope) {
  const tile = new OffscreenCanvas(6, 6);
  const pen = tile.getContext("2d");
  pen.fillStyle = ground;
  if (ground !== "transparent") pen.fillRect(0, 0, 6, 6);
  pen.strokeStyle = line;
  pen.lineWidth = slope > 0 ? 1 : 1.25;
  for (const shift of [-6, 0, 6]) {
    pen.beginPath();
    pen.moveTo(shift, slope > 0 ? 6 : 0);
    pen.lineTo(shift + 6, slope > 0 ? 0 : 6);
    pen.stroke();
  }
  return context.createPattern(tile, "repeat");
}

/** A double frame around a cell, seen on any colour. */
function frame(context, x, y, cell, [outer, inner]) {
  const grown = cell < 8 ? 2 : 0;
  const [left, top, extent] = [x - grown, y - grown, cell + 2 * grown];
  context.strokeStyle = outer;
  context.lineWidth = 4;
  context.strokeRect(left, top, extent, extent);
  context.strokeStyle = inner;
  context.lineWidth = 2;
  context.strokeRect(left, top, extent, extent);
}

/** A name that fits, cut at its beginning: the ends of names tell nodes apart. */
function cut(context, name, room) {
  if (context.measureText(name).width <= room) return name;
  let rest = name;
  while (rest.length > 1 && context.measureText(`…${rest}`).width > room) rest = rest.slice(1);
  return `…${rest}`;
}
