// The arithmetic of the benchmark.

import assert from "node:assert/strict";
import { test } from "node:test";

import { watch } from "./bench/process.mjs";
import { median, percentile, table } from "./bench/table.mjs";

test("percentiles are values that occurred", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(percentile([1, 2, 3, 4], 95), 4);
  assert.equal(percentile([7], 50), 7);
  assert.ok(Number.isNaN(median([])));
});

test("the table tells met from missed and from not measured", () => {
  const shown = table([
    { figure: "memory", target: 60, value: 41.26, unit: "MB" },
    { figure: "wait", target: 300, value: 1234, unit: "ms" },
    { figure: "cpu", target: 3, value: NaN, unit: "%" },
  ]);
  assert.match(shown, /memory +<= 60 MB +41\.3 MB +met\n/);
  assert.match(shown, /wait +<= 300 ms +1230 ms +missed\n/);
  assert.match(shown, /cpu +<= 3 % +not measured +–$/);
});

test("a process is watched", { skip: process.platform !== "linux" }, async () => {
  const { rssMb, cpuPercent } = await watch(process.pid, 0);
  assert.ok(rssMb > 10 && rssMb < 1_000, `${rssMb} MB`);
  assert.ok(cpuPercent >= 0 && cpuPercent < 200, `${cpuPercent} %`);
});
