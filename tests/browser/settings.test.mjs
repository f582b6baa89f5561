// The settings page as a team uses it: change, review, save, see who did what, undo; two people at once; find, export, import.

import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually, stage } from "./harness.mjs";

const CONFIG = `
[settings.probe]
packets = 4
`;

const set = stage({ config: CONFIG, env: { NETLOOM_SETTINGS__COLLECT__INTERVAL_MS: "2000" } });

/** The settings in force. */
const inForce = async () => (await fetch(`${set.hub.url}/api/v1/settings`)).json();

/** Saves by the API, as somebody else would. */
async function saveAs(who, change) {
  const options = { method: "PUT", headers: { "netloom-user": who }, body: JSON.stringify(change) };
  const { ok } = await fetch(`${set.hub.url}/api/v1/settings`, options);
  assert.ok(ok, JSON.stringify(change));
}

const field = (page, path) => page.getByTestId(`field-${path}`);
const source = (page, path) => page.getByTestId(`source-${path}`);

/** Opens the review of what was changed and saves it. */
async function reviewAndSave(page) {
  await page.getByTestId("save-settings").click();
  await page.getByTestId("review-save").click();
  await eventually("the save", async () => /^Saved/.test(await page.getByTestId("settings-status").innerText()));
}

test("a change is reviewed, saved, attributed, and undone", async (t) => {
  const { page } = await set.open(t, "/settings");
  await page.getByTestId("your-name").fill("Ann Łem");
  await field(page, "storage.raw_hours").fill("24");
  await field(page, "alerts.latency.limit_ms").fill("2.5");
  await page.getByTestId("save-settings").click();
  const review = page.getByTestId("review");
  await review.waitFor();
  assert.match(await review.getByTestId("change-storage.raw_hours").innerText(), /Keep every sample for\s*72 h → 24 h/);
  assert.match(await review.getByTestId("change-alerts.latency.limit_ms").innerText(), /Alert on latency: .*\s*100 ms → 2.5 ms/);
  await page.getByTestId("review-back").click();
  await review.waitFor({ state: "hidden" });
  assert.equal((await inForce()).storage.raw_hours, 72, "nothing is saved by looking");

  // By keyboard: the field, the review, and its button that has the focus.
  await field(page, "storage.raw_hours").press("Enter");
  await review.waitFor();
  await page.keyboard.press("Enter");
  await eventually("the change", async () => (await inForce()).storage.raw_hours === 24);

  const newest = page.getByTestId("history").locator("li.history-row").first();
  await eventually("the history", async () => /Ann Łem/.test(await newest.innerText()));
  assert.match(await newest.innerText(), /72 h → 24 h/);
  assert.match(await newest.innerText(), /100 ms → 2.5 ms/);
  await eventually("the source", async () => /saved .* ago by Ann Łem/.test(await source(page, "storage.raw_hours").innerText()));

  await newest.getByTestId("undo").click();
  await newest.getByTestId("undo-sure").click();
  await eventually("the value of before", async () => (await field(page, "storage.raw_hours").inputValue()) === "72");
  assert.equal((await inForce()).alerts.latency.limit_ms, 100);
  await eventually("the undo in the history", async () => /undo of version/.test(await newest.innerText()));
});

test("the name is remembered", async (t) => {
  const { page } = await set.open(t, "/settings");
  await page.getByTestId("your-name").fill("Bob");
  await page.reload();
  await eventually("the name", async () => (await page.getByTestId("your-name").inputValue()) === "Bob");
});

test("each value says where it comes from, and goes back to the layer below", async (t) => {
  const { page } = await set.open(t, "/settings");
  assert.match(await source(page, "probe.packets").innerText(), /from the file/);
  assert.match(await source(page, "collect.interval_ms").innerText(), /NETLOOM_SETTINGS__COLLECT__INTERVAL_MS/);
  assert.ok(await field(page, "collect.interval_ms").isDisabled());
  await field(page, "probe.packets").fill("9");
  await reviewAndSave(page);
  await eventually("the source", async () => /saved/.test(await source(page, "probe.packets").innerText()));
  await page.getByTestId("reset-probe.packets").click();
  assert.equal(await field(page, "probe.packets").inputValue(), "4", "the file's value, not the default");
  await reviewAndSave(page);
  await eventually("the file", async () => /from the file/.test(await source(page, "probe.packets").innerText()));
});

test("what others save is taken over, and asked for where both changed the same", async (t) => {
  const { page } = await set.open(t, "/settings");
  await field(page, "mesh.packets").fill("7");
  await saveAs("Eve", { mesh: { peers_max: 32 } });
  await eventually("Eve's change", async () => (await field(page, "mesh.peers_max").inputValue()) === "32");
  assert.equal(await field(page, "mesh.packets").inputValue(), "7", "the change here stays");

  await saveAs("Eve", { mesh: { packets: 3 } });
  const conflict = page.getByTestId("conflict-mesh.packets");
  await conflict.waitFor();
  assert.match(await conflict.innerText(), /Take 3 from Eve/);
  assert.match(await conflict.innerText(), /Keep my 7/);
  assert.ok(await page.getByTestId("save-settings").isDisabled(), "nobody is overwritten silently");
  await conflict.getByTestId("keep-mine").click();
  await reviewAndSave(page);
  assert.equal((await inForce()).mesh.packets, 7);

  await field(page, "mesh.packets").fill("8");
  await saveAs("Eve", { mesh: { packets: 2 } });
  await conflict.getByTestId("take-theirs").click();
  await eventually("Eve's value", async () => (await field(page, "mesh.packets").inputValue()) === "2");
  assert.match(await page.getByTestId("settings-status").innerText(), /No changes/);
});

test("a setting is found by its words, and the slash leads to the search", async (t) => {
  const { page } = await set.open(t, "/settings");
  await page.keyboard.press("/");
  await page.keyboard.type("every SAMPLE");
  await field(page, "probe.packets").waitFor({ state: "hidden" });
  assert.ok(await field(page, "storage.raw_hours").isVisible());
  assert.ok(await page.getByTestId("history").isHidden());
  await page.getByTestId("settings-search").fill("");
  await field(page, "probe.packets").waitFor();
  await page.getByRole("link", { name: "History", exact: true }).click();
  await eventually("the anchor", () => new URL(page.url()).hash === "#settings-history");
});

test("settings go out as TOML and come in with a review", async (t) => {
  const { page, allow } = await set.open(t, "/settings");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("export-settings").click()]);
  assert.equal(download.suggestedFilename(), "netloom-settings.toml");

  allow(/400/);
  await page.getByTestId("import-text").fill("[settings.probe]\npackets = \n");
  await page.getByTestId("import-review").click();
  await eventually("the line", async () => /line 2/.test(await page.getByTestId("import-told").innerText()));

  const target = `[[settings.probe.targets]]\nname = "nine"\naddress = "127.0.0.9"\n`;
  await page.getByTestId("import-text").fill(target);
  await page.getByTestId("import-review").click();
  const change = page.getByTestId("review").getByTestId("change-probe.targets");
  await change.waitFor();
  assert.match(await change.innerText(), /none → 1 target\s*added: nine/);
  await page.getByTestId("review-save").click();
  await eventually("the target", async () => (await inForce()).probe.targets[0]?.name === "nine");
});
