// Chromium, and pages in it that fail their test on anything a user's console would show.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

const QUIET = [
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** Starts Chromium; the sandbox needs a user who is not root. */
export function launch() {
  const args = process.getuid?.() === 0 ? ["--no-sandbox", ...QUIET] : QUIET;
  return chromium.launch({ executablePath: executable(), args });
}

/**
 * Opens a page that fails `test` in the end if it logged an error, threw, or a request of it failed.
 *
 * Returns the page and `allow(pattern)`, after which problems that match are expected; the function it returns ends this.
 */
export async function openPage(test, browser, { baseURL, theme = "light", viewport = { width: 1280, height: 800 } }) {
  const context = await browser.newContext({ baseURL, colorScheme: theme, viewport });
  const page = await context.newPage();
  const problems = [];
  const allowed = new Set();
  const report = (problem) => {
    if (![...allowed].some((pattern) => pattern.test(problem))) problems.push(problem);
  };
  page.on("console", (message) => message.type() === "error" && report(`console: ${message.text()}`));
  page.on("pageerror", (error) => report(`page: ${error.stack ?? error}`));
  page.on("requestfailed", (request) => {
    const { errorText } = request.failure();
    // The page itself gave up the request, for example because the user went on to another page.
    if (errorText !== "net::ERR_ABORTED") report(`request: ${request.url()} ${errorText}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) report(`response: ${response.url()} ${response.status()}`);
  });
  test.after(async () => {
    await context.close();
    assert.deepEqual(problems, [], "the page had problems");
  });
  const allow = (pattern) => {
    allowed.add(pattern);
    return () => allowed.delete(pattern);
  };
  return { page, allow };
}

function executable() {
  if (process.env.NETLOOM_CHROMIUM) return process.env.NETLOOM_CHROMIUM;
  const dirs = (process.env.PATH ?? "").split(delimiter);
  const found = NAMES.flatMap((name) => dirs.map((dir) => join(dir, name))).find(existsSync);
  assert.ok(found, "Chromium is missing: install it, or set NETLOOM_CHROMIUM to its program");
  return found;
}
