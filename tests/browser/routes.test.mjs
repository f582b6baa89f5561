// Every route, light and dark: it renders, becomes interactive, and nothing complains.

import assert from "node:assert/strict";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Hub, launch, openPage, root } from "./harness.mjs";

const ROUTES = { overview: "/", node: "/nodes/node-a", alerts: "/alerts", settings: "/settings" };
const SCREENSHOTS = join(root, "target/screenshots");

let hub;
let browser;

before(async () => {
  await mkdir(SCREENSHOTS, { recursive: true });
  hub = await Hub.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await hub?.stop();
  await hub?.dispose();
});

for (const theme of ["light", "dark"]) {
  for (const [name, path] of Object.entries(ROUTES)) {
    test(`${path} in ${theme}`, async (t) => {
      const { page } = await openPage(t, browser, { baseURL: hub.url, theme });
      const response = await page.goto(path);
      assert.equal(response.status(), 200);
      await page.waitForFunction(() => document.documentElement.dataset.hydrated);
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${theme}.png`), fullPage: true });
    });
  }
}
