// What a person at the browser waits for.

import { eventually, Hub } from "../harness.mjs";

const START_ROUNDS = 5;
const NAVIGATION_ROUNDS = 7;
const LATENCY_MS = 60_000;

/** The first updates fill a chart with history and say nothing about latency. */
const SETTLE_MS = 5_000;

/** Collects what the charts report, from before the page's own scripts run. */
async function reporting(context) {
  const page = await context.newPage();
  await page.addInitScript(() => {
    window.reports = [];
    document.addEventListener("netloom:rendered", ({ detail }) => window.reports.push(detail));
  });
  return page;
}

/** Times from the start of the process to the first sample on the screen, ms. */
export async function firstPixels(browser, config) {
  const times = [];
  for (let round = 0; round < START_ROUNDS; round += 1) {
    const context = await browser.newContext();
    const page = await reporting(context);
    const startMs = Date.now();
    const hub = await Hub.start({ config });
    try {
      await page.goto(hub.url);
      const first = () => page.evaluate(() => window.reports.find(({ newest_ms }) => newest_ms > 0));
      times.push((await eventually("a sample on the screen", first, 30_000)).rendered_ms - startMs);
    } finally {
      await context.close();
      await hub.dispose();
    }
  }
  return times;
}

/** Times from navigation to an interactive page with nothing in the browser's cache, ms. */
export async function hydrations(browser, url) {
  const times = [];
  for (let round = 0; round < NAVIGATION_ROUNDS; round += 1) {
    const context = await browser.newContext({ baseURL: url });
    const page = await context.newPage();
    await page.goto("/");
    const handle = await page.waitForFunction(() => document.documentElement.dataset.hydrated);
    times.push(Number(await handle.jsonValue()));
    await context.close();
  }
  return times;
}

/**
 * Ages of samples when the frame that first shows them was drawn, ms; the page stays open. A chart that is drawn again
 * with the same newest sample says nothing about that sample.
 */
export async function latencies(context) {
  const page = await reporting(context);
  await page.goto("/");
  await page.waitForTimeout(SETTLE_MS);
  await page.evaluate(() => (window.reports = []));
  await page.waitForTimeout(LATENCY_MS);
  const reports = await page.evaluate(() => window.reports);
  const first = new Map();
  for (const { id, newest_ms, rendered_ms } of reports) {
    const sample = `${id} ${newest_ms}`;
    if (newest_ms > 0 && !first.has(sample)) first.set(sample, rendered_ms - newest_ms);
  }
  return [...first.values()];
}
