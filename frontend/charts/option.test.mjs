import assert from "node:assert/strict";
import { test } from "node:test";

import { dataOption, normalised, shapeOf, withData, withDefaults } from "./option.js";

const given = {
  xAxis: { type: "time" },
  yAxis: { type: "value" },
  grid: { left: 40 },
  tooltip: { trigger: "axis", confine: false },
  series: [{ id: "p50", type: "line" }, { id: "limit", type: "line", data: [[0, 1]], showSymbol: true }],
  netloom: { group: "page" },
};
const option = withDefaults(normalised(given), "sans-serif");
const window = { fromMs: 10, toMs: 20, ids: ["p50", "gone"], datas: [Float64Array.of(10, 1, 15, NaN), Float64Array.of()] };

test("single components become lists and defaults yield to the option", () => {
  assert.equal(option.netloom, undefined);
  assert.equal(option.animation, false);
  assert.deepEqual(option.grid, [{ outerBoundsMode: "none", left: 40 }]);
  assert.equal(option.tooltip.confine, false);
  assert.deepEqual(option.series[0], { showSymbol: false, dimensions: ["t", "v"], id: "p50", type: "line" });
  assert.equal(option.series[1].showSymbol, true);
  assert.equal(option.series[1].dimensions, undefined);
});

test("an option without axes or tooltip stays without them", () => {
  const bare = withDefaults(normalised({ series: { type: "graph", data: [] } }), "sans-serif");
  assert.equal(bare.tooltip, undefined);
  assert.deepEqual(dataOption(shapeOf(bare), { ...window, ids: [], datas: [] }), { series: [] });
});

test("an update moves time axes and known series only", () => {
  const moved = dataOption(shapeOf(option), window);
  assert.deepEqual(moved.xAxis, [{ min: 10, max: 20 }]);
  assert.deepEqual(moved.series, [{ id: "p50", dimensions: ["t", "v"], data: window.datas[0] }]);
});

test("category axes and unknown ranges stay where they are", () => {
  const mixed = shapeOf({ xAxis: [{ type: "category", id: "rows" }, { type: "time" }], series: [] });
  assert.deepEqual(dataOption(mixed, { ...window, ids: [] }).xAxis, [{ id: "rows" }, { min: 10, max: 20 }]);
  assert.deepEqual(dataOption(mixed, { ...window, fromMs: NaN, ids: [] }).xAxis, [{ id: "rows" }, {}]);
});

test("a full option keeps the newest data", () => {
  const full = withData(option, window);
  assert.equal(full.series[0].data, window.datas[0]);
  assert.deepEqual(full.series[1].data, [[0, 1]]);
  assert.deepEqual(full.xAxis, [{ type: "time", min: 10, max: 20 }]);
});
