// The chart bundle by itself, on an empty page under the content security policy of the real ones.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { eventually, launch, openPage, root } from "./harness.mjs";

const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'";
const DOCUMENT = `<!doctype html><html lang="en"><head><link rel="icon" href="data:,"><script defer src="/charts.js"></script>
<style>:root{--accent:#2757d6;--line:light-dark(#ff0000,#00ff00);color-scheme:light dark}
:root[data-theme=light]{color-scheme:light}:root[data-theme=dark]{color-scheme:dark}
.chart{width:600px;height:200px}</style></head><body><div id="a" class="chart"></div><div id="b" class="chart"></div>
<div style="height:3000px"></div><div id="far" class="chart"></div></body></html>`;

const GRID = { left: 50, right: 50, top: 10, bottom: 30 };
const TIME_CHART = {
  netloom: { group: "page" },
  grid: GRID,
  tooltip: { trigger: "axis", valueFormatter: "@fmt:us" },
  xAxis: { type: "time", axisLabel: { formatter: "@time" }, axisPointer: { label: { formatter: "@time" } } },
  yAxis: { type: "value", axisLabel: { formatter: "@fmt:us" } },
  series: [{ id: "p50", name: "p50", type: "line", lineStyle: { color: "@var:--line" } }],
};

let server;
let browser;

before(async () => {
  const site = join(root, "target/site");
  const { pkg_dir } = JSON.parse(await readFile(join(site, "manifest.json"), "utf8"));
  const script = await readFile(join(site, pkg_dir, "charts.js"));
  server = createServer((request, response) => {
    const isScript = request.url === "/charts.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.setHeader("content-security-policy", `${POLICY}; img-src 'self' data:`);
    response.end(isScript ? script : DOCUMENT);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** Opens the empty page with helpers to mount charts and to see what they report. */
async function open(t, theme = "light") {
  const baseURL = `http://127.0.0.1:${server.address().port}`;
  const { page } = await openPage(t, browser, { baseURL, theme });
  await page.goto("/", { waitUntil: "load" });
  await page.evaluate(() => {
    window.events = [];
    window.handles = {};
    const record = (name) => (...args) => window.events.push([name, ...args]);
    document.addEventListener("netloom:rendered", ({ detail }) => record("rendered")(detail));
    window.netloomCharts.setFormatter((unit, value) => `${value} ${unit}`);
    window.mount = (id, option) => {
      const hooks = { onZoom: record("zoom"), onZoomReset: record("reset"), onClick: record("click") };
      window.handles[id] = window.netloomCharts.mount(document.getElementById(id), JSON.stringify(option), hooks);
    };
    window.update = (id, from, to, points, newest) =>
      window.handles[id].update(from, to, ["p50"], [Float64Array.from(points)], newest);
  });
  return page;
}

const events = (page, name) =>
  page.evaluate((wanted) => window.events.filter(([kind]) => kind === wanted).map(([, ...args]) => args), name);

/** How many pixels of a chart have exactly this colour. */
const pixels = (page, id, rgb) =>
  page.evaluate(
    ([chart, color]) => {
      const canvas = document.querySelector(`#${chart} canvas`);
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] === 255 && color.every((part, channel) => data[i + channel] === part)) count += 1;
      }
      return count;
    },
    [id, rgb],
  );

const NOW = Date.UTC(2026, 10, 22, 12);

test("an update is drawn and reported once its frame was", async (t) => {
  const page = await open(t);
  await page.evaluate((option) => window.mount("a", option), TIME_CHART);
  assert.equal(await pixels(page, "a", [255, 0, 0]), 0);
  const before = Date.now();
  await page.evaluate((now) => window.update("a", now - 60_000, now, [now - 60_000, 5, now, 5], now - 7), NOW);
  const [[report]] = await eventually("the report", async () => {
    const reports = await events(page, "rendered");
    return reports.length > 0 && reports;
  });
  assert.equal(report.id, "a");
  assert.equal(report.newest_ms, NOW - 7);
  assert.ok(report.rendered_ms > before - 50 && report.rendered_ms < Date.now() + 50);
  assert.ok((await pixels(page, "a", [255, 0, 0])) > 300, "the line crosses the plot");
});

test("gaps stay gaps", async (t) => {
  const page = await open(t);
  await page.evaluate((option) => window.mount("a", option), TIME_CHART);
  const draw = (middle) =>
    page.evaluate(([now, value]) => {
      const points = [0, 0.25, 0.5, 0.75, 1].flatMap((part) => [now + part * 60_000, part === 0.5 ? value : 5]);
      window.update("a", now, now + 60_000, points, now);
    }, [NOW, middle]);
  await draw(5);
  const whole = await eventually("the line", () => pixels(page, "a", [255, 0, 0]));
  await draw(NaN);
  await eventually("the gap", async () => (await pixels(page, "a", [255, 0, 0])) < whole * 0.7);
});

test("a change of theme redraws with the data there", async (t) => {
  const page = await open(t);
  await page.evaluate((option) => window.mount("a", option), TIME_CHART);
  await page.evaluate((now) => window.update("a", now - 60_000, now, [now - 60_000, 5, now, 5], now), NOW);
  await eventually("the light line", () => pixels(page, "a", [255, 0, 0]));
  await page.evaluate(() => (document.documentElement.dataset.theme = "dark"));
  await eventually("the dark line", () => pixels(page, "a", [0, 255, 0]));
  await page.evaluate(() => delete document.documentElement.dataset.theme);
  await eventually("the light line again", () => pixels(page, "a", [255, 0, 0]));
  await page.emulateMedia({ colorScheme: "dark" });
  await eventually("the dark line of the system", () => pixels(page, "a", [0, 255, 0]));
});

test("a drag selects a stretch of time and a double click goes back", async (t) => {
  const page = await open(t);
  await page.evaluate((option) => window.mount("a", option), TIME_CHART);
  await page.evaluate((now) => window.update("a", now, now + 500_000, [now, 1, now + 500_000, 2], now), NOW);
  await eventually("the line", () => pixels(page, "a", [255, 0, 0]));
  const { x, y } = await page.locator("#a").boundingBox();
  const drag = async (from, to) => {
    await page.mouse.move(x + from, y + 100);
    await page.mouse.down();
    await page.mouse.move(x + (from + to) / 2, y + 100);
    await page.mouse.move(x + to, y + 150);
    await page.mouse.up();
  };
  // The plot is 500 px wide and shows 500 s, beginning 50 px from the left.
  await drag(150, 250);
  await drag(450, 900);
  await drag(300, 302);
  await drag(10, 40);
  const zooms = await events(page, "zoom");
  assert.equal(zooms.length, 2, JSON.stringify(zooms));
  assert.ok(Math.abs(zooms[0][0] - (NOW + 100_000)) < 1_500 && Math.abs(zooms[0][1] - (NOW + 200_000)) < 1_500);
  assert.ok(Math.abs(zooms[1][1] - (NOW + 500_000)) < 1, `a drag beyond the plot ends at its edge: ${zooms[1][1] - NOW}`);
  await page.mouse.dblclick(x + 300, y + 100);
  assert.equal((await events(page, "reset")).length, 1);
});

test("an update out of sight waits until it can be seen", async (t) => {
  const page = await open(t);
  await page.evaluate((option) => window.mount("far", option), TIME_CHART);
  await page.waitForTimeout(200);
  for (const newest of [1, 2, 3]) {
    await page.evaluate(([now, ms]) => window.update("far", now, now + 10, [now, 1, now + 10, 1], ms), [NOW, newest]);
  }
  await page.waitForTimeout(200);
  assert.deepEqual(await events(page, "rendered"), []);
  await page.locator("#far").scrollIntoViewIfNeeded();
  const reports = await eventually("the newest update", async () => {
    const seen = await events(page, "rendered");
    return seen.length > 0 && seen;
  });
  assert.deepEqual(reports.map(([{ newest_ms }]) => newest_ms), [3]);
});

test("charts of a group share the cross-hair, and only one shows figures", async (t) => {
  const page = await open(t);
  for (const id of ["a", "b"]) {
    await page.evaluate(([chart, option]) => window.mount(chart, option), [id, TIME_CHART]);
    await page.evaluate(([chart, now]) => window.update(chart, now, now + 500_000, [now, 1, now + 500_000, 2], now), [id, NOW]);
  }
  const lit = (id) => page.evaluate((chart) => document.querySelector(`#${chart} canvas`).toDataURL(), id);
  await eventually("both lines", async () => (await pixels(page, "a", [255, 0, 0])) && pixels(page, "b", [255, 0, 0]));
  const dark = await lit("b");
  const { x, y } = await page.locator("#a").boundingBox();
  await page.mouse.move(x + 200, y + 100);
  await page.mouse.move(x + 300, y + 100);
  await eventually("the cross-hair of the other chart", async () => (await lit("b")) !== dark);
  const figures = page.getByText(/\d us/).filter({ visible: true });
  await eventually("the figures", async () => (await figures.count()) > 0);
  assert.equal(await page.locator("#b").getByText(/\d us/).filter({ visible: true }).count(), 0);
  assert.match(await page.locator("#a").innerText(), /Nov \d\d:\d\d:\d\d\s+p50\s+[12] us/);
});

test("cells, edges and nodes are clicked and described by name", async (t) => {
  const page = await open(t);
  const matrix = {
    grid: GRID,
    tooltip: { trigger: "item", formatter: "@pair:us" },
    xAxis: { type: "category", data: ["node-a", "node-b"] },
    yAxis: { type: "category", data: ["node-a", "<b>node-b</b>"] },
    visualMap: { min: 0, max: 10, show: false, inRange: { color: ["@var:--accent", "@var:--line"] } },
    series: [{ id: "p50", type: "heatmap", dimensions: ["x", "y", "v"] }],
  };
  const graph = {
    tooltip: { trigger: "item", formatter: "@pair:us" },
    series: [{
      id: "graph",
      type: "graph",
      layout: "none",
      symbolSize: 30,
      lineStyle: { width: 8 },
      data: [{ id: "n1", name: "left", x: 0, y: 0 }, { id: "n2", name: "right", x: 100, y: 0 }],
      links: [{ source: "n1", target: "n2", value: 12 }],
    }],
  };
  await page.evaluate(([one, two]) => (window.mount("a", one), window.mount("b", two)), [matrix, graph]);
  await page.evaluate(() => window.update("a", NaN, NaN, [0, 0, 3, 1, 1, 8, 1, 0, NaN], 5));
  await eventually("the matrix", async () => (await events(page, "rendered")).length > 0);
  const a = await page.locator("#a").boundingBox();
  await page.mouse.click(a.x + 425, a.y + 50);
  assert.deepEqual(await events(page, "click"), [["<b>node-b</b> > node-b", "cell"]]);
  await eventually("its figures", async () => /<b>node-b<\/b> → node-b\n8 us/.test(await page.locator("#a").innerText()));
  await page.mouse.click(a.x + 425, a.y + 140);
  assert.equal((await events(page, "click")).length, 1, "a cell without data is nothing to click");
  const b = await page.locator("#b").boundingBox();
  await page.mouse.click(b.x + 300, b.y + 100);
  assert.deepEqual((await events(page, "click")).at(-1), ["n1 > n2", "edge"]);
});

test("disposed charts leave nothing behind", async (t) => {
  const page = await open(t);
  const left = await page.evaluate((option) => {
    for (let round = 0; round < 50; round += 1) {
      window.mount("a", option);
      window.update("a", 0, 10, [0, 1, 10, 2], 1);
      window.handles.a.dispose();
      window.handles.a.dispose();
    }
    return [window.netloomCharts.live(), document.querySelectorAll("canvas").length];
  }, TIME_CHART);
  assert.deepEqual(left, [0, 0]);
  await page.evaluate((option) => window.mount("a", option), TIME_CHART);
  assert.equal(await page.evaluate(() => window.netloomCharts.live()), 1);
});
