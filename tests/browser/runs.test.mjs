// Training runs from the command line to the page: recorded, renamed, tagged, looked up, compared.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { eventually, root, stage } from "./harness.mjs";

const CONFIG = `
[[settings.probe.targets]]
name = "self"
address = "127.0.0.1"
`;
const BINARY = process.env.NETLOOM_BIN ?? join(root, "target/release/netloom");

const set = stage({ config: CONFIG });

/** Records a command with the hub of the stage and waits for its end. */
const record = (name, command, args = []) =>
  promisify(execFile)(BINARY, ["run", "--name", name, "--hub", set.hub.url, ...args, "--", ...command]);

const api = async (path, init) => (await fetch(`${set.hub.url}/api/v1/runs${path}`, init)).json();
const post = (path, body) => api(path, { method: "POST", body: JSON.stringify(body) });
const row = (page, name) => page.getByTestId("run-row").filter({ hasText: name });
const path = (page) => new URL(page.url()).pathname;

test("the empty list names the command that fills it, and the run appears without a reload", async (t) => {
  const { page } = await set.open(t, "/runs");
  assert.match(await page.getByTestId("first-run").innerText(), /^netloom run --name/);
  const command = spawn(BINARY, ["run", "--name", "three seconds", "--hub", set.hub.url, "--", "sleep", "3"]);
  await row(page, "three seconds").filter({ hasText: "running" }).waitFor();
  const [code] = await once(command, "exit");
  assert.equal(code, 0);
  await row(page, "three seconds").filter({ hasText: "succeeded" }).waitFor();

  await page.getByRole("link", { name: "three seconds" }).click();
  await eventually("the page of the run", () => /^\/runs\/[a-z0-9]{8}$/.test(path(page)));
  assert.equal(await page.getByTestId("run-status").innerText(), "succeeded");
  assert.match(await page.getByTestId("run-fact-Exit code").innerText(), /\b0$/);
  await eventually("a figure of latency", async () => /µs|ms/.test(await page.getByTestId("tile-latency").innerText()));
  for (const id of ["chart-latency", "chart-loss", "chart-bandwidth"]) {
    await eventually(`${id} to be drawn`, async () => (await page.locator(`#${id} canvas`).count()) > 0);
    assert.equal(await page.getByTestId(id).getByText("No data in this window").count(), 0, id);
  }
  assert.equal(await page.getByTestId("live-state").getAttribute("data-state"), "past");
  assert.equal(await page.getByTestId("range-whole").getAttribute("aria-pressed"), "true");
});

test("name, tags and notes survive a reload", async (t) => {
  const run = await post("", { name: "before", started_at: Date.now() - 60_000 });
  const { page } = await set.open(t, `/runs/${run.id}`);
  await page.getByTestId("rename-run").click();
  await page.getByTestId("run-new-name").fill("after");
  await page.getByTestId("save-run-name").click();
  await page.getByRole("heading", { level: 1, name: "after" }).waitFor();
  await page.getByTestId("run-new-tag").fill("lr=3e-4");
  await page.getByTestId("add-run-tag").click();
  await page.getByTestId("run-tags").getByText("lr=3e-4").waitFor();
  await page.getByTestId("run-notes").fill("two\nlines");
  await page.getByTestId("save-run-notes").click();
  await eventually("the notes to be kept", async () => (await api(`/${run.id}`)).notes === "two\nlines");
  await page.reload();
  await page.waitForFunction(() => document.documentElement.dataset.hydrated);
  assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "after");
  assert.equal(await page.getByTestId("run-tags").innerText(), "lr=3e-4");
  assert.equal(await page.getByTestId("run-notes").inputValue(), "two\nlines");

  await post(`/${run.id}/events`, { kind: "epoch", text: "epoch 1", value: 0.5 });
  await page.getByTestId("run-events").getByText("epoch 1").waitFor();
  await page.getByTestId("end-run").click();
  await page.getByTestId("run-status").getByText("succeeded").waitFor();
  assert.equal(await page.getByTestId("end-run").isVisible(), false);
});

test("a run is begun on the page and looked up by its tag", async (t) => {
  const { page } = await set.open(t, "/runs");
  await page.getByTestId("run-name").fill("by hand");
  await page.getByTestId("start-run").click();
  await eventually("the page of the run", () => /^\/runs\/[a-z0-9]{8}$/.test(path(page)));
  assert.equal(await page.getByTestId("live-state").getAttribute("data-state"), "live");
  const id = path(page).split("/").pop();
  await api(`/${id}`, { method: "PATCH", body: JSON.stringify({ tags: { net: "ib" } }) });
  for (const key of ["g", "r"]) await page.keyboard.press(key);
  await row(page, "by hand").waitFor();
  await page.getByTestId("run-search").fill("net:ib");
  await eventually("one row", async () => (await page.getByTestId("run-row").count()) === 1);
  assert.equal(new URL(page.url()).searchParams.get("q"), "net:ib");
  await page.reload();
  await eventually("one row after a reload", async () => (await page.getByTestId("run-row").count()) === 1);
  assert.equal(await page.getByTestId("run-search").inputValue(), "net:ib");
});

test("two runs are ticked and compared", async (t) => {
  const now = Date.now();
  await post("", { name: "old one", started_at: now - 8_000, ended_at: now - 4_000 });
  await post("", { name: "new one", started_at: now - 4_000, ended_at: now });
  const { page } = await set.open(t, "/runs");
  assert.ok(await page.getByTestId("compare-runs").isDisabled());
  for (const name of ["new one", "old one"]) await row(page, name).getByRole("checkbox").check();
  await page.getByTestId("compare-runs").click();
  await page.getByTestId("comparison").waitFor();
  const cards = await page.getByTestId("comparison").innerText();
  assert.ok(cards.indexOf("old one") < cards.indexOf("new one"), cards);
  assert.match(await page.getByTestId("verdict-rtt_us").innerText(), /too little to tell/);
  assert.match(await page.getByTestId("figures").innerText(), /p99/);
});

test("a zoom of a run goes back to the whole run, and an unknown run says so", async (t) => {
  const now = Date.now();
  const run = await post("", { name: "zoomed", started_at: now - 60_000, ended_at: now });
  const { page, allow } = await set.open(t, `/runs/${run.id}?from=${now - 30_000}&to=${now - 10_000}`);
  assert.equal(await page.getByTestId("live-state").getAttribute("data-state"), "paused");
  await page.getByTestId("range-whole").click();
  await eventually("the whole run", () => new URL(page.url()).search === "");
  allow(/404/);
  await page.goto("/runs/zzzzzzzz");
  await page.getByText("No run has this id").waitFor();
});

test("a command that fails is recorded with its exit code", async (t) => {
  await assert.rejects(record("fails", ["sh", "-c", "exit 9"]), { code: 9 });
  const { page } = await set.open(t, "/runs?q=fails");
  await row(page, "fails").filter({ hasText: "failed" }).waitFor();
});
