// What happened to the network stands on the time axis of the charts, live; and what a node measures and is made of.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { eventually, root, stage } from "./harness.mjs";

const SCREENSHOTS = join(root, "target/screenshots");
const CONFIG = `
[[settings.probe.targets]]
name = "self"
address = "127.0.0.1"
`;

const set = stage({ config: CONFIG });

async function mark(body) {
  const answer = await fetch(`${set.hub.url}/api/v1/marks`, { method: "POST", body: JSON.stringify(body) });
  assert.equal(answer.status, 201, await answer.text());
}

test("marks are drawn where they belong, those before and those that come", async (t) => {
  const now = Date.now();
  const at = (ms) => new Date(now + ms).toISOString();
  await mark({ at: at(-60_000), until: at(-30_000), kind: "throughput", src: "node-a", dst: "self", text: "TCP, 4 streams" });
  await mark({ at: at(-20_000), kind: "around", src: "elsewhere", text: "not of this node" });
  const { page } = await set.open(t, "/nodes/node-a");
  const legend = page.getByTestId("chart-latency").locator(".legend");
  await eventually("the test in the legend", async () => /throughput test/.test(await legend.innerText()));
  await page.screenshot({ path: join(SCREENSHOTS, "marks-light.png"), fullPage: true });
  const { page: link } = await set.open(t, "/links/node-a/other");
  const other = link.getByTestId("chart-latency").locator(".legend");
  await eventually("the link", async () => (await other.count()) > 0);
  await mark({ at: at(-5_000), until: at(-1_000), kind: "throughput", src: "other", dst: "node-a", text: "UDP" });
  await eventually("the test that came", async () => /throughput test/.test(await other.innerText()));
});

test("a node tells how each of its measurements fares", async (t) => {
  const { page } = await set.open(t, "/nodes/node-a");
  const row = page.getByTestId("measurement-interfaces");
  await row.waitFor();
  assert.match(await row.innerText(), /working[\s\S]*since/);
  assert.match(await page.getByTestId("measurements-summary").innerText(), /\d+ working/);
  const nodes = await (await fetch(`${set.hub.url}/api/v1/nodes`)).json();
  const { measurements } = nodes.find(({ node }) => node === "node-a");
  assert.equal(await page.locator(".measurement").count(), measurements.length, "none is left out, those that are off included");
});

test("a node tells what its interfaces are made of", async (t) => {
  const { page } = await set.open(t, "/nodes/node-a");
  const row = page.getByTestId("interface-depth").getByRole("row").filter({ hasText: /^lo/ });
  await row.waitFor();
  assert.match(await row.innerText(), /65536/);
});
