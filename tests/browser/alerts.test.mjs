// From the settings page to the feed: a threshold is changed, an alert fires, and another change resolves it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually, stage } from "./harness.mjs";

const CONFIG = `
[settings.alerts.latency]
for_s = 0.0
[[settings.probe.targets]]
name = "self"
address = "127.0.0.1"
`;

const set = stage({ config: CONFIG });

async function save(page, path, value) {
  const field = page.getByTestId(`field-${path}`);
  await field.fill(value);
  await field.blur();
  await page.getByTestId("save-settings").click();
  await page.getByTestId("review-save").click();
}

const alert = (page, state) => page.locator(`[data-testid="alert-item"][data-state="${state}"][data-rule="latency_high"]`);

test("a lower threshold raises an alert in the feed without a reload, a higher one resolves it", async (t) => {
  const { page: feed } = await set.open(t, "/alerts");
  const { page: settings } = await set.open(t, "/settings");
  await save(settings, "alerts.latency.limit_ms", "0.001");
  await alert(feed, "firing").first().waitFor();
  assert.match(await alert(feed, "firing").first().innerText(), /self/);
  await save(settings, "alerts.latency.limit_ms", "10000");
  await alert(feed, "resolved").first().waitFor();
  await alert(feed, "firing").first().waitFor({ state: "detached" });
});

test("a value that is not allowed is refused at its field and nothing changes", async (t) => {
  const { page } = await set.open(t, "/settings");
  const before = await (await fetch(`${set.hub.url}/api/v1/settings`)).json();
  const field = page.getByTestId("field-probe.interval_ms");
  await field.fill("5");
  await page.getByTestId("error-probe.interval_ms").waitFor();
  assert.match(await page.getByTestId("error-probe.interval_ms").innerText(), /200/);
  assert.ok(await page.getByTestId("save-settings").isDisabled());
  assert.deepEqual(await (await fetch(`${set.hub.url}/api/v1/settings`)).json(), before);
});

test("settings saved on the page survive a restart", async (t) => {
  const { page } = await set.open(t, "/settings");
  await save(page, "probe.packets", "3");
  await eventually("the change to be kept", async () => {
    const kept = await (await fetch(`${set.hub.url}/api/v1/settings`)).json();
    return kept.probe.packets === 3;
  });
  await page.close();
  await set.hub.stop();
  await set.hub.restart();
  const { page: again } = await set.open(t, "/settings");
  assert.equal(await again.getByTestId("field-probe.packets").inputValue(), "3");
});
