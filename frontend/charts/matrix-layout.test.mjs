import assert from "node:assert/strict";
import { test } from "node:test";

import { changedRows, colorsOf, layoutOf, offsetOf, placeAt, rampOf, runs, shareOf } from "./matrix-layout.js";

const ROOM = { width: 900, height: 700, ratio: 1, zoom: 1, nameWidth: 60, groups: [] };

test("cells are whole device pixels and found again where they were put", () => {
  for (const [size, ratio] of [[2, 1], [8, 2], [64, 1.5], [256, 1]]) {
    const layout = layoutOf({ ...ROOM, size, ratio, groups: [0, size / 2] });
    assert.ok(Number.isInteger(Math.round(layout.cell * ratio * 1e6) / 1e6), `${size}: ${layout.cell}`);
    for (const at of [0, size / 2 - 1, size / 2, size - 1]) {
      assert.equal(placeAt(layout, offsetOf(layout, at) + layout.cell / 2), at);
    }
    assert.equal(placeAt(layout, offsetOf(layout, size / 2) - 1), -1, "between the groups there is nothing");
    assert.equal(placeAt(layout, 1), -1);
  }
});

test("a large mesh on a small screen is wider than the screen, a small one is not a wall", () => {
  const phone = layoutOf({ ...ROOM, size: 256, width: 360, height: 400 });
  assert.ok(phone.extent > 700 && phone.names === 0);
  assert.ok(layoutOf({ ...ROOM, size: 3 }).extent < 300);
  const [near, far] = [1, 3].map((zoom) => layoutOf({ ...ROOM, size: 256, zoom }).cell);
  assert.ok(far > near);
});

test("groups are runs of their own", () => {
  assert.deepEqual(runs(layoutOf({ ...ROOM, size: 5, groups: [0, 2] })), [[0, 2], [2, 3]]);
  assert.deepEqual(runs(layoutOf({ ...ROOM, size: 5 })), [[0, 5]]);
});

test("values lie between the ends of their scale", () => {
  const log = { low: 10, high: 1000, isLog: true };
  assert.deepEqual([1, 10, 100, 1000, 5000].map((value) => Math.round(shareOf(value, log) * 100)), [0, 0, 50, 100, 100]);
  assert.equal(shareOf(0.25, { low: 0, high: 0.5, isLog: false }), 0.5);
});

test("cells have the colours of their values, in the order of the screen, and nothing where nothing is known", () => {
  const ramp = rampOf([[0, 0, 0], [255, 0, 0]]);
  const scale = { low: 0, high: 1, isLog: false };
  const colors = colorsOf(Float32Array.from([9, 1, NaN, 9]), Uint32Array.from([1, 0]), scale, ramp);
  assert.deepEqual([...colors], [0, 0, 0xff0000ff, 0], "the second node comes first");
  const other = Uint32Array.from(colors);
  other[3] = 5;
  assert.deepEqual(changedRows(colors, other, 2), [1]);
  assert.deepEqual(changedRows(colors, colors, 2), []);
});
