// Waiting for something that has no event, and where the repository lies.

import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));

const POLL_MS = 50;

/** Polls until `check` returns something true; an error in it counts as "not yet". */
export async function eventually(what, check, timeoutMs = 10_000) {
  const deadline = Date.now() + timeoutMs;
  let last = "it never held";
  for (;;) {
    try {
      const result = await check();
      if (result) return result;
    } catch (error) {
      last = error.message;
    }
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The next drawing of any chart on the page; fails when none comes. */
export async function nextDrawing(page, timeoutMs = 10_000) {
  const drawn = await page.evaluate(
    (timeoutMs) =>
      new Promise((resolve) => {
        document.addEventListener("netloom:rendered", (event) => resolve(event.detail), { once: true });
        setTimeout(() => resolve(null), timeoutMs);
      }),
    timeoutMs,
  );
  if (!drawn) throw new Error(`no chart was drawn within ${timeoutMs} ms`);
  return drawn;
}
