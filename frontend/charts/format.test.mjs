import assert from "node:assert/strict";
import { test } from "node:test";

import { moment, numberOf, setFormatter, tick, written } from "./format.js";

test("a number is found in whatever a chart passes", () => {
  assert.equal(numberOf(3), 3);
  assert.equal(numberOf("3.5"), 3.5);
  assert.equal(numberOf([1700000000000, 7]), 7);
  assert.equal(numberOf({ value: [0, 1, 9] }), 9);
  assert.equal(numberOf({ value: 0 }), 0);
  for (const nothing of [null, undefined, "", {}, [], { value: null }]) assert.ok(Number.isNaN(numberOf(nothing)));
});

test("values are written by the given function and gaps as a dash", () => {
  setFormatter((unit, value) => `${value} ${unit}`);
  assert.equal(written("ms", 1.5), "1.5 ms");
  assert.equal(written("ms", 0), "0 ms");
  assert.equal(written("ms", NaN), "–");
});

test("ticks are as short as they can be, moments are complete", () => {
  const at = (...parts) => new Date(2026, 10, 22, ...parts).getTime();
  assert.equal(tick(at(0)), "22 Nov");
  assert.equal(tick(at(9, 5)), "09:05");
  assert.equal(tick(at(9, 0)), "09:00");
  assert.equal(tick(at(9, 5, 7)), "09:05:07");
  assert.equal(moment(at(9, 5, 7)), "22 Nov 09:05:07");
});
