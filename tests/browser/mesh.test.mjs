// All pairs of a mesh: the map, its past, the pages behind its cells.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { eventually, Mesh, root, stage } from "./harness.mjs";

const SCREENSHOTS = join(root, "target/screenshots");

const set = stage({ config: "" });
let mesh;

before(async () => {
  await eventually("the hub", () => set.hub);
  mesh = new Mesh(set.hub, { nodes: 12, racks: 3 });
  await mesh.pushPast(240_000);
  mesh.loss["gpu-05"] = 0.2;
  mesh.starved.add("gpu-09");
  await mesh.push();
  mesh.start();
});

after(() => mesh?.stop());

const summary = (page) => page.getByTestId("matrix-summary").innerText();
const shot = (page, name) => page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });

/** What the map reported of its paints since it was asked last. */
async function paints(page) {
  return page.evaluate(() => {
    const all = (window.netloomFrames ?? []).filter(({ id }) => id === "matrix");
    window.netloomFrames = [];
    return all;
  });
}

/** Opens the matrix and waits until it is painted. */
async function openMatrix(t, query = "", options = {}) {
  const opened = await set.open(t, `/matrix${query}`, options);
  await eventually("the pairs", async () => /12 nodes, 132 pairs/.test(await summary(opened.page)));
  return opened;
}

/** Moves the pointer until it is on a cell, and returns what is said about it. */
async function pointAt(page, share = 0.5) {
  const { x, y, width, height } = await page.getByTestId("matrix").boundingBox();
  const tip = page.getByTestId("matrix-tip");
  for (let step = 0; step < 20; step += 1) {
    await page.mouse.move(x + width * share + step * 7, y + height * 0.3);
    if ((await tip.count()) > 0) return tip.innerText();
  }
  throw new Error("no cell was found under the pointer");
}

test("the map fills and moves by itself, row by row, and nothing around it moves", async (t) => {
  const { page } = await openMatrix(t);
  await page.evaluate(() => {
    window.netloomFrames = [];
    window.shifts = 0;
    new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (window.shifts += value))).observe({ type: "layout-shift" });
  });
  await eventually("rows to be painted anew", async () => (await paints(page)).some(({ rows }) => rows > 0));
  assert.ok((await page.evaluate(() => window.shifts)) < 0.01);
  assert.match(await page.getByTestId("matrix-legend").innerText(), /µs[\s\S]*no data/);
});

test("a cell names its pair, its value and the way back, and leads to the link", async (t) => {
  const { page } = await openMatrix(t);
  assert.match(await pointAt(page), /gpu-\d\d → gpu-\d\d\s+[\d.]+ (µs|ms)\s+back [\d.]+/);
  const [, src, dst] = (await page.getByTestId("matrix-tip").innerText()).match(/(gpu-\d\d) → (gpu-\d\d)/);
  await page.mouse.down();
  await page.mouse.up();
  await page.waitForURL(`**/links/${src}/${dst}`);
  assert.match(await page.getByTestId("link-title").innerText(), new RegExp(`${src} → ${dst}`));
});

test("the keyboard moves over the cells, reads them out and opens the link", async (t) => {
  const { page } = await openMatrix(t);
  await page.getByTestId("matrix").focus();
  await page.keyboard.press("ArrowRight");
  const spoken = page.getByTestId("matrix-spoken");
  await eventually("the first cell", async () => /^gpu-01 to gpu-02: [\d.]+ µs; back: /.test(await spoken.innerText()));
  await page.keyboard.press("ArrowDown");
  await eventually("the diagonal to be stepped over", async () => /^gpu-03 to gpu-02/.test(await spoken.innerText()));
  await page.keyboard.press("Enter");
  await page.waitForURL("**/links/gpu-03/gpu-02");
});

test("the worst pairs are a table, and metric, order and sums live in the address", async (t) => {
  const { page } = await openMatrix(t);
  const first = page.getByTestId("matrix-table").locator("tbody tr").first();
  await eventually("the worst pair", async () => /gpu-05/.test(await first.innerText()));
  await page.getByTestId("matrix-metric").selectOption("loss_ratio");
  await page.getByTestId("matrix-sort").selectOption("worst");
  await eventually("the address", async () => page.url().includes("metric=loss_ratio") && page.url().includes("sort=worst"));
  await eventually("loss", async () => /20 %/.test(await first.innerText()));
  await page.getByTestId("matrix-more").click();
  assert.ok((await page.getByTestId("matrix-table").locator("tbody tr").count()) > 12);
});

test("a slider shows any past moment, plays, and goes back to the present", async (t) => {
  const { page } = await openMatrix(t, "?metric=loss_ratio");
  const worst = page.getByTestId("matrix-table").locator("tbody tr").first();
  await eventually("the present with its loss", async () => /20 %/.test(await worst.innerText()));
  const slider = page.getByTestId("matrix-slider");
  await slider.focus();
  // Far enough to be before the fault began, and after the first round that was pushed.
  for (let step = 0; step < 60; step += 1) await page.keyboard.press("ArrowLeft");
  await eventually("the address", () => /at=\d+/.test(page.url()));
  await eventually("a past without loss", async () => /\b0 %/.test(await worst.innerText()));
  assert.notEqual(await page.getByTestId("matrix-moment").innerText(), "now");
  const before = page.url();
  await page.getByTestId("matrix-play").click();
  await eventually("the next moment", () => page.url() !== before && /at=\d+/.test(page.url()));
  await page.getByTestId("matrix-live").click();
  await eventually("the present", async () => (await page.getByTestId("matrix-moment").innerText()) === "now");
  await eventually("its loss again", async () => /20 %/.test(await worst.innerText()));
});

test("a link shows both directions above each other", async (t) => {
  const { page } = await set.open(t, "/links/gpu-05/gpu-06");
  for (const id of ["chart-latency", "chart-latency-back", "chart-loss", "chart-jitter"]) {
    await eventually(`${id} to have figures`, async () => /\d/.test(await page.getByTestId(id).locator(".legend").innerText()));
  }
  assert.match(await page.getByTestId("chart-latency").innerText(), /median · UDP[\s\S]*fastest to slowest/);
  assert.match(await page.getByTestId("tile-loss-there").innerText(), /20/);
  await shot(page, "link-light");
  await page.getByTestId("link-back").click();
  await page.waitForURL("**/links/gpu-06/gpu-05");
});

test("moments at which the sender was starved are shaded", async (t) => {
  const { page } = await set.open(t, "/links/gpu-09/gpu-01");
  await eventually("the word for it", async () => /doubtful/.test(await page.getByTestId("chart-latency").innerText()));
});

test("the graph has a layout for every question and leads to nodes and links", async (t) => {
  const { page } = await set.open(t, "/topology");
  const nodes = page.locator(".graph-node");
  await eventually("the nodes", async () => (await nodes.count()) >= 12);
  const place = async () => page.locator('.graph-node[data-id="gpu-02"]').getAttribute("transform");
  await eventually("the links", async () => (await page.locator(".graph-link").count()) >= 66);
  let before = await place();
  for (const layout of ["ring", "star", "racks"]) {
    await page.getByTestId("topology-layout").selectOption(layout);
    await eventually(`another place on a ${layout}`, async () => (await place()) !== before);
    before = await place();
  }
  await page.getByTestId("topology-colour").selectOption("rtt_us");
  await page.locator('.graph-link[class*="step-"]').first().waitFor({ state: "attached" });
  await page.locator('.graph-node[data-id="node-a"]').click();
  await page.waitForURL("**/nodes/node-a");
});

test("racks are told by text, and a line that is wrong is named at the field", async (t) => {
  const { page, allow } = await set.open(t, "/topology?layout=racks");
  allow(/422/);
  await page.getByTestId("open-racks").click();
  await page.getByTestId("racks-text").fill("SwitchName=rack-1 Nodes=gpu-[01-\n");
  await page.getByTestId("racks-save").click();
  await eventually("the line to blame", async () => /1/.test(await page.getByTestId("racks-error").innerText()));
  await page.getByTestId("racks-text").fill(mesh.topology);
  await page.getByTestId("racks-save").click();
  await page.getByTestId("racks-text").waitFor({ state: "detached" });
  const { page: matrix } = await openMatrix(t, "?sort=rack");
  await pointAt(matrix);
  await eventually("the racks of the pair", async () => /rack-\d/.test(await matrix.getByTestId("matrix-tip").innerText()));
  await shot(matrix, "matrix-racks");
});

for (const theme of ["light", "dark"]) {
  test(`the pages of the mesh in ${theme}`, async (t) => {
    const { page } = await openMatrix(t, "", { theme });
    await pointAt(page);
    await shot(page, `matrix-${theme}`);
    await page.goto("/topology?layout=latency&colour=rtt_us");
    await eventually("the links", async () => (await page.locator(".graph-link").count()) >= 66);
    await shot(page, `topology-${theme}`);
    await page.goto("/links/gpu-09/gpu-01");
    await eventually("figures", async () => /\d/.test(await page.getByTestId("chart-latency").locator(".legend").innerText()));
    await page.waitForTimeout(500);
    await shot(page, `link-${theme}`);
    await page.goto("/nodes");
    await page.waitForTimeout(300);
    await shot(page, `nodes-${theme}`);
  });
}

test("the pages of the mesh fit a telephone", async (t) => {
  const viewport = { width: 390, height: 844 };
  const { page } = await openMatrix(t, "", { viewport });
  for (const [name, path] of Object.entries({ matrix: "/matrix", topology: "/topology", link: "/links/gpu-05/gpu-06" })) {
    await page.goto(path);
    await page.waitForFunction(() => document.documentElement.dataset.hydrated);
    await page.waitForTimeout(700);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `${path} is ${overflow} px too wide`);
    await shot(page, `${name}-phone`);
  }
});
