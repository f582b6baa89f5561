// Whatever is pushed can be found and seen.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { eventually, nextDrawing, root, stage } from "./harness.mjs";

const set = stage({ config: "" });

/** Pushes a value every fifteen seconds of the last four minutes, for two jobs. */
async function push() {
  const lines = [];
  for (const job of ["eval", "train"]) {
    for (let n = 16; n > 0; n -= 1) {
      const value = 10 + (n % 5) + (job === "train" ? 20 : 0);
      lines.push(JSON.stringify({ metric: "queue_length", ts_ms: Date.now() - n * 15_000, value, labels: { job } }));
    }
  }
  const answer = await fetch(`${set.hub.url}/api/v1/samples`, { method: "POST", body: lines.join("\n") });
  assert.equal(answer.status, 204);
}

test("a pushed metric is found by its name and drawn", async (t) => {
  await push();
  const { page } = await set.open(t, "/explore");
  await page.getByText("Choose a metric").waitFor();
  await eventually("its name among the others", async () => (await page.locator("#metrics option[value=queue_length]").count()) === 1);
  await page.getByTestId("metric").fill("queue_length");
  await page.keyboard.press("Enter");
  await eventually("the metric in the address", () => new URL(page.url()).searchParams.get("metric") === "queue_length");
  const card = page.getByTestId("chart-metric");
  await card.getByText("job train").waitFor();
  await card.getByText("job eval").waitFor();
  assert.ok((await nextDrawing(page)).newest_ms > 0);
  const lines = () => page.evaluate(() => globalThis.netloomCharts.live());
  await eventually("a chart", async () => (await lines()) === 1);
  // A line, not lonely points: what others push has a pace of its own.
  await card.getByRole("button", { name: /table/i }).click();
  await eventually("the points in the table", async () => (await card.locator("tbody tr").count()) >= 16);
  await card.getByRole("button", { name: /table/i }).click();
  await page.screenshot({ path: join(root, "target/screenshots/explore.png") });
  await page.reload();
  await card.getByText("job train").waitFor();
});
