// Figures are live and true, and a page that loses its hub finds it again without a gap.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";

import { eventually, nextDrawing, stage } from "./harness.mjs";

const CONFIG = `
[[settings.probe.targets]]
name = "self"
address = "127.0.0.1"
`;

const set = stage({ config: CONFIG });

const text = (page, id) => page.getByTestId(id).innerText();

/** The state of the stream as the page shows it. */
const state = (page) => page.getByTestId("live-state").first().getAttribute("data-state");

test("figures move without a reload", async (t) => {
  const { page } = await set.open(t, "/");
  await eventually("latency to be shown", async () => /\d/.test(await text(page, "tile-latency")));
  const seen = new Set();
  await eventually("latency to change twice", async () => seen.add(await text(page, "tile-latency")).size >= 3);
  assert.match(await text(page, "verdict"), /\w+/);
});

test("traffic on loopback shows on its row and its chart", async (t) => {
  const { page } = await set.open(t, "/nodes/node-a");
  const row = page.getByTestId("interface-row-lo");
  await eventually("the row of loopback", async () => /bit\/s/.test(await row.innerText()));
  const traffic = await startTraffic();
  t.after(() => traffic.stop());
  const started = performance.now();
  await eventually("the rate to be shown", async () => mbps(await row.innerText()) > QUIET_MBPS);
  t.diagnostic(`traffic was on screen after ${Math.round(performance.now() - started)} ms`);
  assert.ok((await nextDrawing(page)).newest_ms > 0, "the charts are drawn with the samples");
});

test("the page outlives its hub and fills the gap", async (t) => {
  const { page, allow } = await set.open(t, "/");
  await eventually("the page to be live", async () => (await state(page)) === "live");
  const expectTrouble = allow(/./);
  await set.hub.kill();
  await page.getByTestId("connection-bar").waitFor({ state: "visible" });
  assert.notEqual(await state(page), "live");
  await set.hub.restart();
  const back = Date.now();
  // What the hub measured before the page came back must be on the page too.
  await eventually("the hub to have measured", async () => (await points(back)).length >= 2);
  await page.getByTestId("connection-bar").waitFor({ state: "hidden" });
  expectTrouble();
  await eventually("the page to be live again", async () => (await state(page)) === "live");
  const missed = (await points(back))[0][0];
  await page.getByTestId("chart-latency").getByRole("button", { name: /table/i }).click();
  await eventually("the gap to be filled", async () => {
    const times = await page.getByTestId("chart-latency").locator("time").evaluateAll((all) => all.map((e) => Date.parse(e.dateTime)));
    return times.some((ms) => Math.abs(ms - missed) < 1);
  });
});

/** Far more than the pages themselves cause, far less than the traffic of the test. */
const QUIET_MBPS = 200;

/** The first rate in a text, Mbit/s. */
function mbps(text) {
  const [, number, prefix] = text.match(/([\d.]+)\s*([kMG]?)bit\/s/) ?? [];
  return Number(number) * { "": 1e-6, k: 1e-3, M: 1, G: 1e3 }[prefix];
}

/** Latency that the hub keeps since a moment. */
async function points(sinceMs) {
  const answer = await fetch(`${set.hub.url}/api/v1/query?metric=rtt_us&dst=self&from=${sinceMs}`);
  return (await answer.json()).series[0]?.points ?? [];
}

/** A steady stream over loopback, about 100 MB/s, until it is stopped. */
async function startTraffic() {
  const server = createServer((socket) => socket.resume()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect(server.address().port, "127.0.0.1");
  await once(socket, "connect");
  const block = Buffer.alloc(1_000_000);
  const timer = setInterval(() => socket.writableLength < 4 * block.length && socket.write(block), 10);
  return {
    stop() {
      clearInterval(timer);
      socket.destroy();
      server.close();
    },
  };
}
