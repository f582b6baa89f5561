// What the pointer is on.

/** The kind of thing an event is about: node, edge, cell, point, or the chart library's own word. */
export function kindOf(event) {
  if (event.seriesType === "graph") return event.dataType;
  if (event.seriesType === "heatmap") return "cell";
  return event.componentType === "series" ? "point" : event.componentType;
}

/** Its name; edges and cells are named "source > target", where the rows of a matrix send and its columns receive. */
export function nameOf(event, option) {
  switch (kindOf(event)) {
    case "edge":
      return `${event.data.source} > ${event.data.target}`;
    case "node":
      return event.data.id ?? event.name;
    case "cell":
      return `${category(option.yAxis, event.value[1])} > ${category(option.xAxis, event.value[0])}`;
    default:
      return event.name || event.seriesName || "";
  }
}

function category(axes, index) {
  const item = axes[0].data[index];
  return String(item?.value ?? item);
}
