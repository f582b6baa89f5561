// Figures and how they are shown.

/** The value below which `percent` of the values lie (nearest rank); NaN of nothing. */
export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? NaN;
}

export const median = (values) => percentile(values, 50);

/** A table of figures with their targets; smaller is better for all of them. */
export function table(figures) {
  const written = (value, unit) => (Number.isFinite(value) ? `${Number(value.toPrecision(3))} ${unit}` : "not measured");
  const rows = figures.map(({ figure, target, value, unit }) => {
    const verdict = Number.isFinite(value) ? (value <= target ? "met" : "missed") : "–";
    return [figure, `<= ${target} ${unit}`, written(value, unit), verdict];
  });
  const all = [["figure", "target", "measured", "verdict"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd()).join("\n");
}
