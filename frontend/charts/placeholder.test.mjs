import assert from "node:assert/strict";
import { test } from "node:test";

import { setFormatter } from "./format.js";
import { resolve } from "./placeholder.js";
import { kindOf, nameOf } from "./subject.js";

setFormatter((unit, value) => `${value} ${unit}`);
const colorOf = (name) => `color of ${name}`;

test("placeholders are replaced at any depth and everything else is kept", () => {
  const option = {
    color: ["@var:--series-1", "#fff"],
    series: [{ type: "line", endLabel: { formatter: "@fmt:us" }, data: [1, null, "text"] }],
    yAxis: { axisLabel: { formatter: "@fmt:B/s" }, name: "@ home" },
  };
  const resolved = resolve(option, colorOf);
  assert.deepEqual(resolved.color, ["color of --series-1", "#fff"]);
  assert.equal(resolved.series[0].endLabel.formatter({ value: [0, 12] }), "12 us");
  assert.deepEqual(resolved.series[0].data, [1, null, "text"]);
  assert.equal(resolved.yAxis.axisLabel.formatter(5), "5 B/s");
  assert.equal(resolved.yAxis.name, "@ home");
  assert.equal(option.color[0], "@var:--series-1", "the original stays as it was, for the next theme");
});

test("time is short on an axis and complete on a cross-hair", () => {
  const noon = new Date(2026, 0, 5, 12).getTime();
  const { formatter } = resolve({ formatter: "@time" }, colorOf);
  assert.equal(formatter(noon), "12:00");
  assert.equal(formatter({ value: noon }), "5 Jan 12:00:00");
});

test("a unit may hold a colon", () => {
  assert.equal(resolve({ f: "@fmt:a:b" }, colorOf).f(1), "1 a:b");
});

test("events are named by what they are about", () => {
  const option = { xAxis: [{ data: ["a", "b"] }], yAxis: [{ data: ["c", { value: "d" }] }] };
  const cell = { componentType: "series", seriesType: "heatmap", value: [0, 1, 7] };
  assert.deepEqual([kindOf(cell), nameOf(cell, option)], ["cell", "d > a"]);
  const edge = { componentType: "series", seriesType: "graph", dataType: "edge", data: { source: "a", target: "b" } };
  assert.deepEqual([kindOf(edge), nameOf(edge, option)], ["edge", "a > b"]);
  const node = { componentType: "series", seriesType: "graph", dataType: "node", name: "shown", data: { id: "n1" } };
  assert.deepEqual([kindOf(node), nameOf(node, option)], ["node", "n1"]);
  const point = { componentType: "series", seriesType: "line", name: "", seriesName: "p50" };
  assert.deepEqual([kindOf(point), nameOf(point, option)], ["point", "p50"]);
});
