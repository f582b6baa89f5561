// The shape of options: what every chart has in common, and the small option that only moves the data.

/** Single components and lists of them become lists, so that everything after this sees one shape. */
export function normalised(option) {
  const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
  const lists = ["series", "xAxis", "yAxis", "grid"].map((key) => [key, list(option[key])]);
  return { ...option, ...Object.fromEntries(lists.filter(([, items]) => items.length > 0)) };
}

/** What holds for every chart unless its option says otherwise; data never move by animation. */
export function withDefaults(option, fontFamily) {
  const { netloom, ...rest } = option;
  return {
    ...rest,
    animation: false,
    stateAnimation: { duration: 0 },
    textStyle: { fontFamily, ...option.textStyle },
    tooltip: option.tooltip && { confine: true, transitionDuration: 0, ...option.tooltip },
    // The labels of an axis must not resize the plot: charts above each other would no longer line up.
    grid: option.grid?.map((grid) => ({ outerBoundsMode: "none", ...grid })),
    series: option.series?.map(withSeriesDefaults),
  };
}

function withSeriesDefaults(series) {
  const defaults = series.type === "line" ? { showSymbol: false } : {};
  // A typed array carries no shape of its own.
  if (series.data === undefined) defaults.dimensions = ["t", "v"];
  return { ...defaults, ...series };
}

/** What of a full option the data option has to know. */
export function shapeOf(option) {
  return {
    axes: (option.xAxis ?? []).map(({ id, type }) => ({ id, isTime: type === "time" })),
    dimensions: new Map((option.series ?? []).map((series) => [series.id, series.dimensions])),
  };
}

/** The option that shows a window of data and leaves everything else as it is; unknown series are left out. */
export function dataOption(shape, { fromMs, toMs, ids, datas }) {
  const range = Number.isFinite(fromMs) && Number.isFinite(toMs) ? { min: fromMs, max: toMs } : {};
  const xAxis = shape.axes.map(({ id, isTime }) => ({ ...(id !== undefined && { id }), ...(isTime && range) }));
  const series = [];
  ids.forEach((id, index) => {
    if (shape.dimensions.has(id)) series.push({ id, dimensions: shape.dimensions.get(id), data: datas[index] });
  });
  return { ...(xAxis.length > 0 && { xAxis }), series };
}

/** A full option with the newest data in it. */
export function withData(option, data) {
  const moved = dataOption(shapeOf(option), data);
  const byId = new Map(moved.series.map((series) => [series.id, series]));
  return {
    ...option,
    xAxis: option.xAxis?.map((axis, index) => ({ ...axis, ...moved.xAxis[index] })),
    series: option.series?.map((series) => ({ ...series, ...byId.get(series.id) })),
  };
}
