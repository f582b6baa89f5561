// Where the cells of a matrix lie, and in which colour a value is painted. No canvas here, so that all of it is tested
// without a browser.

/** The widest cell, px: a small mesh should not become a wall of colour. */
const CELL_MAX = 40;
/** The narrowest cell, px: one that a finger or a pointer can still be brought to. */
const CELL_MIN = 3;
/** A name needs a line of this height, px. */
const LINE = 13;
/** The longest name beside the map, px. */
const NAME_MAX = 112;
/** Between groups, and before the summary strips, px. */
const GROUP_GAP = 6;
const STRIP_GAP = 8;

/**
 * Lays out a matrix in CSS pixels whose cells are a whole number of device pixels wide, so that their edges are crisp.
 *
 * `groups` are the places at which groups begin; `nameWidth` is the width of the longest name.
 */
export function layoutOf({ size, groups, width, height, ratio, zoom, nameWidth }) {
  const starts = groups.length > 0 ? groups : [0];
  const snapped = (value) => Math.round(value * ratio) / ratio;
  const [gap, stripGap] = [snapped(GROUP_GAP), snapped(STRIP_GAP)];
  const gaps = (starts.length - 1) * gap;
  const names = width < 520 && size > 24 ? 0 : snapped(Math.min(Math.ceil(nameWidth) + 9, NAME_MAX, width / 4));
  const room = (extent, cells) => (extent - names - gaps - stripGap) / cells;
  // The strip of sums is a cell wide, too.
  const fits = Math.min(room(width, size + 1), room(height, size + 1), CELL_MAX);
  const whole = (value) => Math.max(1, Math.floor(value * ratio)) / ratio;
  const cell = whole(Math.min(Math.max(fits, CELL_MIN) * zoom, CELL_MAX));
  const strip = Math.max(cell, whole(6));
  const inner = size * cell + gaps;
  const extent = Math.ceil(names + inner + stripGap + strip);
  return { size, starts, cell, gap, strip, stripGap, names, inner, extent, every: Math.ceil(LINE / cell) };
}

/** How many groups begin up to a place, less one. */
function groupOf(starts, at) {
  let group = 0;
  while (group + 1 < starts.length && starts[group + 1] <= at) group += 1;
  return group;
}

/** Where a row or column begins, px. */
export function offsetOf(layout, at) {
  return layout.names + at * layout.cell + groupOf(layout.starts, at) * layout.gap;
}

/** Where the strips begin, px. */
export function stripOf(layout) {
  return layout.names + layout.inner + layout.stripGap;
}

/** The row or column at a distance, or -1 between groups and beside the map. */
export function placeAt(layout, distance) {
  for (let group = 0; group < layout.starts.length; group += 1) {
    const [first, next] = [layout.starts[group], layout.starts[group + 1] ?? layout.size];
    const at = Math.floor((distance - offsetOf(layout, first)) / layout.cell);
    if (at >= 0 && first + at < next) return first + at;
  }
  return -1;
}

/** Runs of columns that lie side by side: [first, how many]. */
export function runs(layout) {
  return layout.starts.map((first, group) => [first, (layout.starts[group + 1] ?? layout.size) - first]);
}

/** Where a value lies on its scale, 0 to 1; what is beyond its ends stays there. */
export function shareOf(value, { low, high, isLog }) {
  const at = isLog ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.min(Math.max(at, 0), 1);
}

/** Colours between stops, as 256 numbers in the byte order of a canvas: alpha, blue, green, red. */
export function rampOf(stops) {
  const ramp = new Uint32Array(256);
  for (let at = 0; at < 256; at += 1) {
    const place = (at / 255) * (stops.length - 1);
    const index = Math.min(Math.floor(place), stops.length - 2);
    const part = place - index;
    const [r, g, b] = [0, 1, 2].map((i) => Math.round(stops[index][i] * (1 - part) + stops[index + 1][i] * part));
    ramp[at] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  return ramp;
}

/** The colours of all cells in the order of the screen; 0, which is transparent, where there is no value. */
export function colorsOf(values, order, scale, ramp) {
  const size = order.length;
  const colors = new Uint32Array(size * size);
  // Many cells share a colour; the logarithm is what takes time.
  const factor = scale.isLog ? 255 / Math.log(scale.high / scale.low) : 255 / (scale.high - scale.low);
  for (let row = 0; row < size; row += 1) {
    const from = order[row] * size;
    for (let column = 0; column < size; column += 1) {
      const value = values[from + order[column]];
      if (row === column || !(value === value)) continue;
      const at = scale.isLog ? Math.log(Math.max(value, scale.low) / scale.low) * factor : (value - scale.low) * factor;
      colors[row * size + column] = ramp[at < 0 ? 0 : at > 255 ? 255 : at | 0];
    }
  }
  return colors;
}

/** The rows in which two pictures differ. */
export function changedRows(before, after, size) {
  const rows = [];
  for (let row = 0; row < size; row += 1) {
    const end = (row + 1) * size;
    for (let at = row * size; at < end; at += 1) {
      if (before[at] !== after[at]) {
        rows.push(row);
        break;
      }
    }
  }
  return rows;
}
