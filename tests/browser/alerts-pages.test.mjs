// What a team does with alerts, on the pages: a rule with its preview, the alert on real samples, and everything that
// people do about it until it is over.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { eventually, nextDrawing, root, stage } from "./harness.mjs";

const set = stage({ config: "" });

const METRIC = "queue_length";
const LABELS = { node: "node-a", job: "train" };
/** A telephone. */
const NARROW = { width: 390, height: 844 };

const api = async (path, init) => {
  const answer = await fetch(`${set.hub.url}/api/v1${path}`, init);
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
};
const put = (body) => api("/settings", { method: "PUT", body: JSON.stringify(body) });
const rules = async () => (await api("/settings")).alerts.rules;
const newest = async () => (await api("/alerts?rule=long_queue"))[0];
const path = (page) => new URL(page.url()).pathname;
const parameters = (page) => new URL(page.url()).searchParams;

/** Pushes values, each with how many seconds ago it was. */
async function push(values) {
  const line = ([ago_s, value]) => JSON.stringify({ metric: METRIC, ts_ms: Date.now() - ago_s * 1_000, value, labels: LABELS });
  const answer = await fetch(`${set.hub.url}/api/v1/samples`, { method: "POST", body: values.map(line).join("\n") });
  assert.equal(answer.status, 204);
}

/** Ten quiet minutes with two bad ones in the middle, five seconds apart. */
const HISTORY = Array.from({ length: 120 }, (_, n) => [600 - n * 5, n >= 48 && n < 72 ? 50 : 5]);

/** Pushes a value twice a second until something holds. */
async function pushUntil(value, what, check) {
  await eventually(what, async () => {
    await push([[0, value]]);
    return check();
  }, 30_000);
}

/** A rule that fires at once, beside whatever there is. */
const RULE = {
  id: "long_queue",
  title: "Long queue",
  metric: METRIC,
  condition: { kind: "threshold", side: "above", limit: 20, aggregation: "last", window_s: 30 },
  for_s: 0,
  severity: "critical",
};

/** Puts the rule into the settings and makes it fire. */
async function fire() {
  await put({ alerts: { rules: [RULE] } });
  await pushUntil(60, "the alert to fire", async () => (await newest())?.state === "firing");
  return newest();
}

/** Makes it end. */
const end = () => pushUntil(1, "the alert to end", async () => (await newest()).state === "resolved");

const item = (page, state) => page.locator(`[data-testid="alert-item"][data-rule="long_queue"][data-state="${state}"]`).first();
const field = (page, key) => page.getByTestId(`field-rule-${key}`);

/** Fills in the form of a rule. */
async function fill(page, texts) {
  for (const [key, text] of Object.entries(texts)) {
    const control = field(page, key);
    if (await control.evaluate((element) => element.tagName === "SELECT")) await control.selectOption(text);
    else await control.fill(text);
  }
}

test("a rule shows when it would have fired before it is saved, and is saved, switched and deleted", async (t) => {
  await push(HISTORY);
  const { page } = await set.open(t, "/alerts/rules");
  await page.getByTestId("built-in-rule").first().waitFor();
  await page.getByTestId("new-rule").click();
  await eventually("the form", () => parameters(page).has("new"));
  await fill(page, { title: "Long queue", metric: METRIC, limit: "20", aggregation: "last", window_s: "30 s", for_s: "0 s", severity: "critical" });
  assert.match(await page.getByTestId("rule-sentence").innerText(), /^Alarms when the queue_length of any series .* is above 20\.$/);
  const words = page.getByTestId("preview-words");
  await eventually("the preview", async () => /would have fired once, for 1 of 1 series/.test(await words.innerText()), 20_000);
  assert.equal(await page.getByTestId("preview-subject").count(), 1);
  assert.ok((await page.locator(".strip path").getAttribute("d")).startsWith("M"), "a stretch is drawn");
  await page.screenshot({ path: join(root, "target/screenshots/rule-preview.png"), fullPage: true });

  // A higher limit would not have fired; what cannot be read is said at its field and asks nothing.
  await field(page, "limit").fill("70");
  await eventually("no firing", async () => /would not have fired/.test(await words.innerText()), 20_000);
  await field(page, "limit").fill("fast");
  await page.getByTestId("error-rule-limit").waitFor();
  await page.getByTestId("save-rule").click();
  assert.deepEqual(await rules(), [], "nothing was saved");
  await field(page, "limit").fill("20");
  await page.getByTestId("save-rule").click();

  const row = page.locator('[data-testid="own-rule"][data-rule="long_queue"]');
  await row.waitFor();
  assert.equal(path(page), "/alerts/rules");
  const [saved] = await rules();
  assert.deepEqual([saved.title, saved.condition.limit, saved.severity], ["Long queue", 20, "critical"]);
  await row.getByTestId("rule-enabled").click();
  await eventually("the rule to be off", async () => !(await rules())[0].enabled);
  await row.getByTestId("delete-rule").click();
  await row.getByTestId("delete-rule").click();
  await row.waitFor({ state: "detached" });
  assert.deepEqual(await rules(), []);
});

test("limits are typed in the units that people use, and each kind has its fields", async (t) => {
  const { page } = await set.open(t, "/alerts/rules?copy=latency_high");
  assert.equal(await field(page, "limit").inputValue(), "100");
  assert.match(await page.getByTestId("rule-form").innerText(), /\bms\b/);
  await field(page, "kind").selectOption("failures");
  await field(page, "count").waitFor();
  assert.equal(await field(page, "window_s").count(), 0);
  await field(page, "kind").selectOption("absent");
  await field(page, "after_s").waitFor();
  assert.match(await page.getByTestId("rule-sentence").innerText(), /has had no data for 1 min/);
  await page.getByTestId("rule-form").getByTestId("cancel").click();
  await eventually("the list", () => parameters(page).size === 0);
});

test("two people who change one rule do not overwrite each other silently", async (t) => {
  await put({ alerts: { rules: [RULE] } });
  const { page } = await set.open(t, "/alerts/rules?edit=long_queue");
  await field(page, "limit").fill("30");
  // Another rule that somebody adds meanwhile stays; a change of this one is told.
  await put({ alerts: { rules: [{ ...RULE, severity: "info" }, { ...RULE, id: "other", title: "Other" }] } });
  await page.getByTestId("save-rule").click();
  await page.getByTestId("rule-outdated").waitFor();
  assert.match(await page.getByTestId("rule-trouble").innerText(), /Somebody else changed this rule/);
  await page.getByTestId("keep-mine").click();
  await page.getByTestId("save-rule").click();
  await page.locator('[data-testid="own-rule"][data-rule="long_queue"]').waitFor();
  const saved = await rules();
  assert.deepEqual(saved.map(({ id }) => id), ["long_queue", "other"]);
  assert.deepEqual([saved[0].condition.limit, saved[0].severity], [30, "critical"]);
  await put({ alerts: { rules: [] } });
});

test("an alert fires on real samples, is taken on, silenced, and ends", async (t) => {
  const { page: feed } = await set.open(t, "/alerts");
  await fire();
  await item(feed, "firing").waitFor();
  const bell = () => feed.getByTestId("bell").getAttribute("aria-label");
  await eventually("the bell to count it", async () => (await bell()) === "1 alert fires");

  await item(feed, "firing").getByTestId("acknowledge").click();
  await item(feed, "firing").getByText(/acknowledged by/).waitFor();
  await eventually("the bell to be quiet", async () => (await bell()) === "No alert fires");
  await item(feed, "firing").getByTestId("give-back").click();
  await eventually("the bell to count it again", async () => (await bell()) === "1 alert fires");

  await item(feed, "firing").getByTestId("silence").click();
  const form = feed.getByTestId("silence-form");
  await form.waitFor();
  assert.equal(await form.getByTestId("field-silence-rules").inputValue(), "long_queue");
  assert.equal(await form.getByTestId("field-silence-nodes").inputValue(), "node-a");
  await form.getByTestId("lasts-4h").click();
  await form.getByTestId("field-silence-by").fill("ada");
  await form.getByTestId("field-silence-why").fill("The queue is drained");
  await form.getByTestId("save-silence").click();
  await form.waitFor({ state: "detached" });
  await item(feed, "firing").getByText(/silenced/).waitFor();
  await eventually("the bell to be quiet", async () => (await bell()) === "No alert fires");

  await feed.getByTestId("tab-silences").click();
  const silence = feed.getByTestId("silences-active").getByTestId("silence-row");
  await silence.getByText("The queue is drained").waitFor();
  const [kept] = await api("/silences");
  assert.deepEqual([kept.by, kept.matcher.nodes], ["ada", ["node-a"]]);
  assert.ok(Date.parse(kept.ends_at) - Date.parse(kept.starts_at) >= 4 * 3_600_000 - 5_000);
  await silence.getByTestId("end-silence").click();
  await feed.getByTestId("silences-ended").getByText("The queue is drained").waitFor();

  await feed.getByTestId("tab-feed").click();
  await item(feed, "firing").waitFor();
  await end();
  await item(feed, "resolved").waitFor();
});

test("the page of an alert tells what happened, and people act there too", async (t) => {
  const { id } = await fire();
  const { page } = await set.open(t, `/alerts/${id}`);
  assert.match(await page.getByTestId("incident-sentence").innerText(), /\w/);
  assert.match(await page.getByTestId("incident-state").innerText(), /^firing for/);
  assert.match(await page.getByTestId("fact-limit").innerText(), /20/);
  assert.ok((await nextDrawing(page)).newest_ms > 0);
  await page.getByTestId("chart-incident").getByText("limit 20").first().waitFor();
  await page.getByTestId("timeline-entry").filter({ hasText: "fired" }).waitFor();

  await page.getByTestId("acknowledge-note").fill("on it");
  await page.getByTestId("acknowledge").click();
  await page.getByTestId("handled-by").getByText(/on it/).waitFor();
  await page.getByTestId("timeline-entry").filter({ hasText: "acknowledged" }).waitFor();
  await page.screenshot({ path: join(root, "target/screenshots/incident.png"), fullPage: true });
  await page.getByTestId("give-back").click();
  await page.getByTestId("acknowledge").waitFor();

  const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("export-incident").click()]);
  const told = JSON.parse(await readFile(await download.path(), "utf8"));
  assert.equal(told.incident.id, id);
  await page.getByTestId("evidence").filter({ hasText: "node-a" }).click();
  await eventually("the node at that time", () => path(page) === "/nodes/node-a" && parameters(page).has("from"));
  await end();
  await page.goBack();
  await page.getByTestId("incident").and(page.locator("[data-state=resolved]")).waitFor();
});

test("filters live in the address and hold for the export", async (t) => {
  if (!(await newest())) {
    await fire();
    await end();
  }
  const { page } = await set.open(t, "/alerts?rule=long_queue");
  await item(page, "resolved").waitFor();
  await page.getByTestId("filter-firing").click();
  await eventually("the state in the address", () => parameters(page).get("state") === "firing");
  assert.equal(parameters(page).get("rule"), "long_queue", "the other choice stays");
  await page.getByTestId("filter-resolved").click();
  await page.getByTestId("filter-node").selectOption("node-a");
  await page.getByTestId("alert-search").fill("QUEUE");
  await eventually("all choices in the address", () => parameters(page).get("q") === "QUEUE" && parameters(page).get("node") === "node-a");
  await item(page, "resolved").or(page.getByTestId("alert-group")).first().waitFor();
  await page.reload();
  await item(page, "resolved").or(page.getByTestId("alert-group")).first().waitFor();
  assert.equal(await page.getByTestId("alert-search").inputValue(), "QUEUE");

  for (const format of ["csv", "jsonl"]) {
    const href = await page.getByTestId(`export-${format}`).getAttribute("href");
    assert.ok(href.includes("rule=long_queue") && href.includes("state=resolved"), href);
    const text = await (await fetch(new URL(href, set.hub.url))).text();
    assert.match(text, /long_queue/, format);
  }
  await page.getByTestId("alert-search").fill("nothing like this");
  await page.getByText("No alert is found").waitFor();
});

test("sound and notifications are off until somebody switches them on, and are remembered", async (t) => {
  const { page } = await set.open(t, "/alerts");
  await page.getByTestId("tell").click();
  assert.equal(await page.getByTestId("tell-sound").isChecked(), false);
  assert.equal(await page.getByTestId("tell-notice").isChecked(), false);
  await page.getByTestId("tell-sound").check();
  await page.getByTestId("tell-least").selectOption("critical");
  await page.reload();
  await page.waitForFunction(() => document.documentElement.dataset.hydrated);
  await page.getByTestId("tell").click();
  assert.equal(await page.getByTestId("tell-sound").isChecked(), true);
  assert.equal(await page.getByTestId("tell-least").inputValue(), "critical");
});

test("a maintenance window is made, changed and deleted", async (t) => {
  const { page } = await set.open(t, "/alerts/silences");
  await page.getByTestId("new-maintenance").click();
  const window = (key) => page.getByTestId(`field-maintenance-${key}`);
  await page.getByTestId("save-maintenance").click();
  await page.getByTestId("error-maintenance-name").waitFor();
  await window("name").fill("Nightly");
  for (const day of ["mon", "fri"]) await page.getByTestId(`day-${day}`).click();
  await window("start").fill("22:00");
  await window("end").fill("02:00");
  await window("zone").fill("Europe/Berlin");
  await window("nodes").fill("node-a");
  await page.getByTestId("save-maintenance").click();
  const row = page.getByTestId("maintenance-row");
  await row.getByText("mon, fri 22:00–02:00 Europe/Berlin").waitFor();
  const windows = async () => (await api("/settings")).alerts.maintenance;
  assert.deepEqual((await windows()).map(({ name, days }) => [name, days]), [["Nightly", ["mon", "fri"]]]);
  await row.getByTestId("edit-maintenance").click();
  await window("end").fill("03:00");
  await page.getByTestId("save-maintenance").click();
  await row.getByText("mon, fri 22:00–03:00 Europe/Berlin").waitFor();
  await row.getByTestId("delete-maintenance").click();
  await row.waitFor({ state: "detached" });
  assert.deepEqual(await windows(), []);
});

test("the pages about alerts fit a telephone", async (t) => {
  const { id } = (await newest()) ?? (await fire());
  for (const at of ["/alerts", `/alerts/${id}`, "/alerts/rules", "/alerts/rules?new=1", "/alerts/silences"]) {
    const { page } = await set.open(t, at, { viewport: NARROW });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `${at} is ${overflow} px too wide`);
  }
  await put({ alerts: { rules: [] } });
});
