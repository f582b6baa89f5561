// Every route, light and dark: it renders, becomes interactive, and nothing complains.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { before, test } from "node:test";

import { eventually, root, stage } from "./harness.mjs";

const CONFIG = `
cluster = "training cluster"
[settings.alerts.latency]
for_s = 0.0
${["gateway", "storage", "node-b", "node-c"]
  .map((name, at) => `[[settings.probe.targets]]\nname = "${name}"\naddress = "127.0.0.${at + 1}"\n`)
  .join("")}
`;

const ROUTES = {
  overview: "/",
  matrix: "/matrix",
  topology: "/topology",
  link: "/links/node-a/gateway",
  nodes: "/nodes",
  node: "/nodes/node-a",
  runs: "/runs",
  run: "/runs/newerrun",
  compare: "/runs/compare?a=olderrun&b=newerrun",
  explore: "/explore?metric=rtt_us",
  alerts: "/alerts",
  incident: "/alerts/newest",
  rules: "/alerts/rules",
  rule: "/alerts/rules?new=1",
  silences: "/alerts/silences",
  diagnose: "/diagnose",
  settings: "/settings",
};

/** Where the pictures go; the one in the README is a copy of `overview-light.png`. */
const SCREENSHOTS = join(root, "target/screenshots");

/** Seconds of figures on a picture that is worth looking at. */
const FIGURES_S = Number(process.env.NETLOOM_SCREENSHOT_SECONDS ?? 5);

/** What makes a page unusable for some people; run as a string, because the page lets no foreign script in. */
const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const set = stage({ config: CONFIG });

before(async () => {
  await mkdir(SCREENSHOTS, { recursive: true });
  await eventually("some figures", async () => (await latencies()) >= FIGURES_S, FIGURES_S * 1_000 + 20_000);
  await recordRuns();
});

/** Runs to look at, over the figures that there are: one that is over, and one that goes on. */
async function recordRuns() {
  const now = Date.now();
  const from = now - FIGURES_S * 1_000;
  const half = Math.round((from + now) / 2);
  const shared = { command: "python train.py --config bert.yaml", host: "node-a", notes: "Warm-up of 500 steps." };
  const runs = [
    { id: "olderrun", name: "bert-large baseline", started_at: from, ended_at: half, exit_code: 0, tags: { lr: "3e-4", net: "ib" } },
    { id: "failedrun", name: "bert-large fp8", started_at: half, ended_at: half + 500, exit_code: 1, nodes: ["node-a"] },
    { id: "newerrun", name: "bert-large ring", started_at: half, tags: { lr: "3e-4", net: "eth", ring: "on" } },
  ];
  for (const run of runs) await post("", { ...shared, ...run });
  for (const [step, text] of ["epoch 1", "checkpoint saved", "epoch 2"].entries()) {
    const at = Math.round(half + ((now - half) * (step + 1)) / 4);
    await post("/newerrun/events", { at, kind: "note", text, value: step === 1 ? undefined : 0.9 - step / 10 });
  }
}

async function post(path, body) {
  const { ok } = await fetch(`${set.hub.url}/api/v1/runs${path}`, { method: "POST", body: JSON.stringify(body) });
  assert.ok(ok, path);
}

async function latencies() {
  const answer = await fetch(`${set.hub.url}/api/v1/query?metric=rtt_us&dst=gateway`);
  return (await answer.json()).series[0]?.points.length ?? 0;
}

/** Changes the limit on latency, so that there is something to see among the alerts. */
async function limitLatency(limit_ms) {
  const body = JSON.stringify({ alerts: { latency: { limit_ms } } });
  const { ok } = await fetch(`${set.hub.url}/api/v1/settings`, { method: "PUT", body });
  assert.ok(ok);
  await eventually("the alerts to follow", async () => {
    const alerts = await (await fetch(`${set.hub.url}/api/network/alerts`)).json();
    return alerts.some(({ state }) => state === "firing") === limit_ms < 1;
  });
}

/** The address of a route; that of the newest incident has its number. */
async function address(path) {
  if (path !== ROUTES.incident) return path;
  const [newest] = await (await fetch(`${set.hub.url}/api/v1/alerts`)).json();
  return `/alerts/${newest.id}`;
}

for (const theme of ["light", "dark"]) {
  for (const [name, path] of Object.entries(ROUTES)) {
    test(`${path} in ${theme}`, async (t) => {
      await limitLatency(name === "alerts" ? 0.001 : 100);
      const { page, response } = await set.open(t, await address(path), { theme });
      assert.equal(response.status(), 200);
      if (name === "compare") await page.getByTestId("comparison").waitFor();
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${theme}.png`), fullPage: true });
      assert.deepEqual(await barriers(page), []);
    });
  }
}

/** What axe finds that bars people from the page (WCAG 2 A and AA), a line each. */
async function barriers(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa"] }));
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
}

test("pages fit a telephone", async (t) => {
  for (const [name, path] of Object.entries(ROUTES)) {
    const { page } = await set.open(t, await address(path), { viewport: { width: 390, height: 844 } });
    if (name === "compare") await page.getByTestId("comparison").waitFor();
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `${path} is ${overflow} px too wide`);
    await page.screenshot({ path: join(SCREENSHOTS, `${name}-phone.png`), fullPage: true });
  }
});

test("a page that does not exist says so", async (t) => {
  const { page, allow } = await set.open(t, "/");
  allow(/404/);
  const response = await page.goto("/nowhere");
  assert.equal(response.status(), 404);
  assert.match(await page.innerText("main"), /\w/);
});
