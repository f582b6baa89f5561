// The frame around every page: keys, palette, theme, time range, and that it leaves nothing behind.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { eventually, root, stage } from "./harness.mjs";

const CONFIG = `
[[settings.probe.targets]]
name = "self"
address = "127.0.0.1"
`;

const set = stage({ config: CONFIG });

const path = (page) => new URL(page.url()).pathname;

test("keys lead to pages, and help lists them", async (t) => {
  const { page } = await set.open(t, "/");
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await eventually("the alerts", () => path(page) === "/alerts");
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await help.waitFor();
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "hidden" });
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").first().waitFor();
  await page.keyboard.type("node-a");
  await page.keyboard.press("Enter");
  await eventually("the node", () => path(page) === "/nodes/node-a");
});

test("the time range lives in the address, with back and forward", async (t) => {
  const { page } = await set.open(t, "/?range=15m");
  const chosen = (name) => page.getByRole("link", { name, exact: true }).or(page.getByRole("button", { name, exact: true }));
  await chosen("1 h").first().click();
  await eventually("the range in the address", () => new URL(page.url()).searchParams.get("range") === "1h");
  await page.goBack();
  await eventually("the range before", () => new URL(page.url()).searchParams.get("range") === "15m");
});

test("a dragged range zooms every chart and pauses, a double click goes back", async (t) => {
  const { page } = await set.open(t, "/");
  const chart = page.locator("#chart-latency");
  await eventually("a drawn chart", () => page.evaluate(() => globalThis.netloomCharts.live() >= 3));
  const box = await chart.boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.5, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.8, y, { steps: 5 });
  await page.mouse.up();
  await eventually("the zoom in the address", () => new URL(page.url()).searchParams.has("from"));
  const state = () => page.getByTestId("live-state").first().getAttribute("data-state");
  await eventually("the pause", async () => (await state()) === "paused");
  await chart.dblclick();
  await eventually("live again", async () => (await state()) === "live");
});

test("any stretch of time is chosen by its ends, kept in the address, and left again", async (t) => {
  const { page } = await set.open(t, "/");
  await page.getByTestId("range-from-to").click();
  const from = page.getByTestId("range-from");
  assert.match(await from.inputValue(), /^\d{4}-\d\d-\d\dT\d\d:\d\d/, "it starts from what is shown");
  const digits = (ms) => new Date(ms).toISOString().slice(0, 19);
  const zone = await page.evaluate(() => new Date().getTimezoneOffset() * 60_000);
  const end = Math.floor(Date.now() / 1_000) * 1_000 - 60_000;
  await page.getByTestId("range-to").fill(digits(end - zone));
  await from.fill(digits(end - zone + 1_000));
  assert.ok(await page.getByTestId("range-apply").isDisabled(), "an end before the beginning cannot be shown");
  await from.fill(digits(end - zone - 3_600_000));
  await page.screenshot({ path: join(root, "target/screenshots/range.png") });
  await page.getByTestId("range-apply").click();
  const parameters = () => new URL(page.url()).searchParams;
  await eventually("the range in the address", () => parameters().get("to") === String(end));
  assert.equal(parameters().get("from"), String(end - 3_600_000));
  await page.getByTestId("zoomed").waitFor();
  await page.reload();
  await page.getByTestId("zoomed").waitFor();
  await page.getByTestId("live-state").first().click();
  await eventually("live again", () => !parameters().has("from"));
  await page.getByTestId("range-30d").click();
  await eventually("a month", () => parameters().get("range") === "30d");
});

test("the theme is kept", async (t) => {
  const { page } = await set.open(t, "/settings");
  await page.getByRole("button", { name: "Dark" }).or(page.getByRole("radio", { name: "Dark" })).first().click();
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await eventually("the dark theme", async () => (await theme()) === "dark");
  await page.reload();
  assert.equal(await theme(), "dark");
});

test("fifty changes of page leave no chart behind", async (t) => {
  const { page } = await set.open(t, "/");
  const charts = () => page.evaluate(() => globalThis.netloomCharts.live());
  await eventually("the charts of the overview", async () => (await charts()) > 0);
  const go = async (keys, to) => {
    for (const key of keys) await page.keyboard.press(key);
    await eventually(to, () => path(page) === to);
  };
  await go("gs", "/settings");
  await eventually("no chart on the settings", async () => (await charts()) === 0);
  for (let round = 0; round < 25; round += 1) {
    await go("go", "/");
    await go("gs", "/settings");
  }
  await eventually("no chart left behind", async () => (await charts()) === 0);
});

test("pages come when they are opened, and one that does not come says so", async (t) => {
  const { page, allow } = await set.open(t, "/");
  const parts = /\/split_\w+\.wasm$/;
  const forget = allow(/split_|ERR_FAILED|Failed to fetch/);
  await page.route(parts, (route) => route.abort());
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  await page.getByTestId("not-loaded").waitFor();
  assert.match(await page.getByTestId("not-loaded").innerText(), /started anew with another version/);
  await page.unroute(parts);
  await page.getByTestId("load-again").click();
  await page.getByRole("heading", { name: "Matrix" }).first().waitFor();
  forget();
  assert.equal(path(page), "/matrix");
  // The others come by themselves, so that a hub that goes away is not missed at once.
  const loaded = () => page.evaluate(() => performance.getEntriesByType("resource").map((entry) => entry.name));
  await eventually("all parts", async () => (await loaded()).filter((name) => parts.test(name)).length >= 3);
});
