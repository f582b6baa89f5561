// What a newcomer sees who starts the demo and nothing else: the matrix fills, a link degrades, the verdict names it, an
// alert fires, and everything is marked as a demonstration.

import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually, stage } from "./harness.mjs";

// The first fault of the demo's own script is the link between these two, half a minute after the start.
const LINK = /link between node-2 and node-5 loses/;
const WAIT_MS = 100_000;

const set = stage({ command: "demo" });

test("the demo alone leads to a full matrix, a verdict that names the link, and an alert", async (t) => {
  const { page } = await set.open(t, "/matrix");
  assert.equal(await page.getByTestId("demo").innerText(), "demo");
  const summary = page.getByTestId("matrix-summary");
  await eventually("all pairs of eight nodes", async () => /^8 nodes, 56 pairs/.test(await summary.innerText()), 30_000);
  const known = async () => {
    const { values } = await (await fetch(`${set.hub.url}/api/v1/matrix?metric=rtt_us`)).json();
    return values.flat().filter((value) => value !== null).length;
  };
  await eventually("a figure of each pair", async () => (await known()) >= 56, 30_000);

  const verdict = page.getByTestId("mesh-verdict");
  await eventually("the verdict to name the link", async () => LINK.test(await verdict.innerText()), WAIT_MS);
  await page.getByTestId("bell").click();
  const items = page.getByTestId("alert-item").or(page.getByTestId("alert-group"));
  const fires = async () => (await items.allInnerTexts()).some((text) => /node-[25] → node-[25]/.test(text) && /firing/i.test(text));
  await eventually("an alert about it to fire", fires, 40_000);
  assert.equal(await page.getByTestId("demo").innerText(), "demo", "on every page");
});
