// "Check this now": a diagnosis from one node to another, watched while it goes on, read, sent on, and deleted.

import assert from "node:assert/strict";
import { join } from "node:path";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { Agent, HUB_FOR_AGENTS, eventually, openPage, root, stage } from "./harness.mjs";

const SCREENSHOTS = join(root, "target/screenshots");

/** A diagnosis takes 5 s; machines that run tests are slow. */
const DONE_MS = 40_000;

const set = stage({ config: "", env: HUB_FOR_AGENTS });
let agent;

before(async () => {
  await eventually("the hub", () => set.hub);
  agent = await Agent.join(set.hub, "node-b");
});

after(() => agent?.dispose());

const api = async (path, init) => fetch(`${set.hub.url}/api/v1/diagnoses${path}`, init);
const shot = (page, name) => page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
const state = (page) => page.getByTestId("diagnosis").getAttribute("data-state");
const id = (page) => new URL(page.url()).searchParams.get("id");

/** Has a diagnosis made without the page, and waits for its end. */
async function made(request) {
  const answer = await api("", { method: "POST", body: JSON.stringify(request) });
  assert.equal(answer.status, 201, await answer.clone().text());
  const { id } = await answer.json();
  await eventually("the diagnosis to end", async () => (await (await api(`/${id}`)).json()).state === "done", DONE_MS);
  return id;
}

/** Notes everything that moves on a page, apart from what follows at once from a click. */
const watchShifts = (page) =>
  page.evaluate(() => {
    window.shifts = 0;
    const add = (list) => list.getEntries().forEach((entry) => (window.shifts += entry.hadRecentInput ? 0 : entry.value));
    new PerformanceObserver(add).observe({ type: "layout-shift" });
  });

test("a diagnosis from one node to another is watched while it goes on, and its verdict leads to the evidence", async (t) => {
  const { page } = await set.open(t, "/diagnose");
  assert.equal(await page.getByTestId("diagnose-node").inputValue(), "node-a", "the hub's node checks unless told");
  await page.getByTestId("pick-node-b").click();
  assert.equal(await page.getByTestId("diagnose-hosts").inputValue(), "node-b");
  // Beside it something that takes a while: a server that takes connections and says nothing.
  const silent = createServer(() => {});
  t.after(() => silent.close());
  await new Promise((ready) => silent.listen(0, "127.0.0.1", ready));
  const slow = `http://127.0.0.1:${silent.address().port}/`;
  await page.getByTestId("diagnose-hosts").fill(`node-b ${slow}`);
  assert.ok(await page.getByTestId("diagnose-throughput").isDisabled(), "throughput is off until switched on");
  // What was seen, by the page itself: polling from here would miss what is quick.
  await page.evaluate(() => {
    window.seen = new Set();
    const look = () => {
      const words = [...document.querySelectorAll("[data-testid=check]")].map((row) => row.dataset.state);
      if (words.length > 0) window.seen.add(words.join());
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  await page.getByTestId("diagnose-start").click();
  await eventually("the diagnosis in the address", () => id(page));
  await page.getByTestId("check").first().waitFor({ timeout: DONE_MS });
  const rows = await page.getByTestId("check").count();
  await watchShifts(page);
  await eventually("its end", async () => (await state(page)) === "done", DONE_MS);
  const seen = (await page.evaluate(() => [...window.seen])).map((words) => words.split(","));
  const isOpen = (word) => ["waiting", "checking"].includes(word);
  assert.ok(seen.some((words) => words.some(isOpen) && !words.every(isOpen)), "what has ended is shown while others go on");
  // What the hub knows of the mesh itself it may add.
  const added = (await page.getByTestId("check").count()) - rows;
  assert.ok(added >= 0 && added <= 1, "the rows are there from the beginning");
  const shifts = await page.evaluate(() => window.shifts);
  assert.ok(shifts < 0.05, `nothing jumps: ${shifts}`);
  const states = await page.getByTestId("check").evaluateAll((all) => all.map((row) => row.dataset.state));
  assert.ok(states.every((word) => ["fine", "notable", "bad", "unclear", "skipped"].includes(word)), states.join());
  assert.match(await page.getByTestId("check-group").allInnerTexts().then((all) => all.join("\n")), /node-b[\s\S]*ping/);
  assert.match(await page.getByTestId("diagnosis-sentence").innerText(), /^\S.{16,}\.$/);
  await shot(page, "diagnosis-light");

  const evidence = page.getByTestId("evidence").first();
  if ((await evidence.count()) > 0) {
    await evidence.click();
    await page.locator(".check-details:visible section[data-item]").first().waitFor();
  }
});

test("details open and close with the keyboard, and come from the hub", async (t) => {
  const one = await made({ node: "node-a", hosts: ["127.0.0.1"] });
  const { page } = await set.open(t, `/diagnose?id=${one}`);
  const row = page.getByTestId("check").filter({ hasText: "ping" }).first();
  await row.waitFor();
  const button = row.getByRole("button");
  await button.focus();
  await page.keyboard.press("Enter");
  assert.equal(await button.getAttribute("aria-expanded"), "true");
  await row.locator("section[data-item]").waitFor();
  assert.match(await row.locator("section[data-item]").innerText(), /\d/);
  await page.keyboard.press("Enter");
  assert.equal(await row.locator("section[data-item]").isVisible(), false);
});

test("the report is downloaded, and opens without a network", async (t) => {
  const one = await made({ node: "node-b", hosts: ["node-a"] });
  const { page } = await set.open(t, `/diagnose?id=${one}`);
  await page.getByTestId("check").first().waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("download-report").click()]);
  assert.match(download.suggestedFilename(), /\.html$/);
  const file = join(SCREENSHOTS, "report.html");
  await download.saveAs(file);
  assert.doesNotMatch(await readFile(file, "utf8"), /(?:src|href)="(?:https?:)?\/\//, "it names nothing elsewhere");
  const { page: report } = await openPage(t, set.browser, {});
  await report.context().setOffline(true);
  await report.goto(pathToFileURL(file).href);
  assert.match(await report.innerText("body"), /node-b[\s\S]*node-a/);
  await report.screenshot({ path: join(SCREENSHOTS, "report.png"), fullPage: true });
});

test("what is kept is listed, shared by its address, run again, and deleted", async (t) => {
  const one = await made({ node: "node-a", hosts: ["127.0.0.1"] });
  const { page, allow } = await set.open(t, "/diagnose");
  const row = (name) => page.locator(`[data-testid=diagnosis-row][data-id="${name}"]`);
  await row(one).getByRole("link").click();
  await eventually("the diagnosis in the address", () => id(page) === one);
  await eventually("it", async () => (await state(page)) === "done");
  const { page: colleague } = await set.open(t, page.url());
  await eventually("the same", async () => (await state(colleague)) === "done");

  await page.getByTestId("run-again").click();
  await eventually("another one", () => id(page) && id(page) !== one);
  const other = id(page);
  await row(other).waitFor();
  await eventually("its end", async () => (await state(page)) === "done", DONE_MS);
  const button = page.getByTestId("delete");
  await button.click();
  assert.match(await button.innerText(), /for good/);
  await button.click();
  await eventually("the page without it", () => !id(page));
  await row(other).waitFor({ state: "detached" });
  allow(/404/);
  assert.equal((await api(`/${other}`)).status, 404);
  await page.goto(`/diagnose?id=${other}`);
  await eventually("the reason", async () => /deleted/.test(await page.getByTestId("diagnosis-sentence").innerText()));
});

test("links on pages of nodes and links fill the form", async (t) => {
  const { page } = await set.open(t, "/nodes/node-b");
  await page.getByTestId("diagnose-from-here").click();
  await eventually("the node", async () => (await page.getByTestId("diagnose-node").inputValue()) === "node-b");
  await page.goto("/links/node-b/node-a");
  await page.getByTestId("diagnose-link").click();
  await eventually("the host", async () => (await page.getByTestId("diagnose-hosts").inputValue()) === "node-a");
  assert.equal(await page.getByTestId("diagnose-node").inputValue(), "node-b");
});

test("what cannot be asked is said at the form", async (t) => {
  const { page } = await set.open(t, "/diagnose");
  await page.getByTestId("diagnose-hosts").fill("1 2 3 4 5 6 7 8 9");
  await page.getByTestId("diagnose-start").click();
  assert.match(await page.getByTestId("diagnose-trouble").innerText(), /At most 8/);
  assert.equal(id(page), null);
});

test("a test of throughput says what it takes, and wants a yes during a run", async (t) => {
  const answer = await fetch(`${set.hub.url}/api/v1/settings`, { method: "PUT", body: JSON.stringify({ active: { throughput: true } }) });
  assert.ok(answer.ok, await answer.text());
  const run = await (await fetch(`${set.hub.url}/api/v1/runs`, { method: "POST", body: JSON.stringify({ name: "bert" }) })).json();
  const { page } = await set.open(t, "/diagnose?node=node-a&host=node-b");
  const toggle = page.getByTestId("diagnose-throughput");
  await eventually("the switch", async () => !(await toggle.isDisabled()));
  assert.match(await page.locator("#diagnose-throughput-help").innerText(), /\d+ s and \d+ MB/);
  assert.equal(await page.getByTestId("diagnose-during-run").isVisible(), false);
  await toggle.check();
  await page.getByTestId("diagnose-start").click();
  assert.match(await page.getByTestId("diagnose-trouble").innerText(), /run bert is active/);
  await page.getByTestId("diagnose-during-run").check();
  await page.getByTestId("diagnose-start").click();
  const begun = async () => {
    if (id(page)) return true;
    // The other node hears a moment later that tests are switched on, and refuses until then.
    const trouble = (await page.getByTestId("diagnose-trouble").allInnerTexts()).join();
    if (trouble && !/run bert/.test(trouble)) await page.getByTestId("diagnose-start").click({ timeout: 2_000 }).catch(() => {});
    return false;
  };
  await eventually("the diagnosis", begun, DONE_MS);
  await eventually("its end", async () => (await state(page)) === "done", DONE_MS);
  assert.match(await page.getByTestId("check-group").allInnerTexts().then((all) => all.join("\n")), /throughput/i);
  await fetch(`${set.hub.url}/api/v1/runs/${run.id}/end`, { method: "POST", body: "{}" });
});

test("it fits a telephone", async (t) => {
  const one = await made({ node: "node-a", hosts: ["node-b"] });
  const { page } = await set.open(t, `/diagnose?id=${one}`, { viewport: { width: 390, height: 844 } });
  await eventually("it", async () => (await state(page)) === "done");
  await page.getByTestId("diagnose-new").click();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wide <= 0, `the page is ${wide} px too wide`);
  await shot(page, "diagnosis-phone");
});
