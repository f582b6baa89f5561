// The chart library as far as Netloom uses it, and the one global through which the client reaches it.

import { BarChart, GraphChart, HeatmapChart, LineChart, ScatterChart } from "echarts/charts";
import {
  AxisPointerComponent,
  DataZoomInsideComponent,
  GraphicComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  MarkPointComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import { use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

import { Chart } from "./chart.js";
import { setFormatter } from "./format.js";
import { Graph } from "./graph.js";
import { Matrix } from "./matrix.js";

use([
  ...[BarChart, GraphChart, HeatmapChart, LineChart, ScatterChart],
  ...[AxisPointerComponent, DataZoomInsideComponent, GraphicComponent, GridComponent, LegendComponent],
  ...[MarkAreaComponent, MarkLineComponent, MarkPointComponent, TooltipComponent, VisualMapComponent],
  CanvasRenderer,
]);

window.netloomCharts = {
  setFormatter,
  /** Draws a chart into an element; the handle has update(), setOption() and dispose(). */
  mount: (element, optionJson, hooks) => new Chart(element, optionJson, hooks ?? {}),
  /** A heat map of all pairs; see the class for what its handle takes. */
  matrix: (element, hooks) => new Matrix(element, hooks ?? {}),
  /** Nodes and links; see the class for what its handle takes. */
  graph: (element, hooks) => new Graph(element, hooks ?? {}),
  /** How many charts are mounted. */
  live: () => Chart.live,
};
