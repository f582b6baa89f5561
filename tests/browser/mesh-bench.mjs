// Measures the page of all pairs: whether it stays smooth while a mesh reports, and how soon a large one is drawn.
//
// NETLOOM_LOAD is the program that plays the nodes; BENCH_SECONDS sets how long frames are watched.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpus, loadavg } from "node:os";

import { percentile, table } from "./bench/table.mjs";
import { eventually, Hub, launch } from "./harness.mjs";

const SECONDS = Number(process.env.BENCH_SECONDS ?? 30);
const NAVIGATIONS = 3;
/** A page that has just opened draws everything once. */
const SETTLE_MS = 5_000;
const LISTENS = { NETLOOM_AGENT_LISTEN: "127.0.0.1:0", NETLOOM_ECHO_LISTEN: "127.0.0.1:0" };

const say = (text) => process.stderr.write(`bench: ${text}\n`);

/** Plays nodes against a hub until it is ended. */
function load(hub, args) {
  const process_ = spawn(process.env.NETLOOM_LOAD, [args[0], new URL(hub.url).host, ...args.slice(1)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  return {
    joined: () => once(process_.stderr, "data"),
    async end() {
      const ended = once(process_, "exit");
      process_.kill("SIGKILL");
      await ended;
    },
  };
}

/** Opens the page; what the map reports of its painting is in `window.netloomFrames`, the time between frames beside it. */
async function openMatrix(browser, hub) {
  const context = await browser.newContext({ baseURL: hub.url, viewport: { width: 1_280, height: 900 } });
  const page = await context.newPage();
  await page.addInitScript(() => {
    window.netloomFrames = [];
    window.firstPicture = null;
    document.addEventListener("netloom:painted", ({ detail }) => {
      if (detail.cells > 0) window.firstPicture ??= performance.now();
    });
    window.gaps = [];
    let last = performance.now();
    const next = (now) => {
      window.gaps.push(now - last);
      last = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });
  await page.goto("/matrix");
  await page.waitForFunction(() => window.firstPicture !== null);
  return { context, page };
}

const figure = (name, target, value) => ({ figure: name, target, value, unit: "ms" });

/** Frames of the page while 64 agents report every pair once a second. */
async function smoothness(browser) {
  const hub = await Hub.start({ env: LISTENS });
  const agents = load(hub, ["agents", "--agents", "64", "--peers", "63", "--seconds", "3600"]);
  try {
    await agents.joined();
    say(`64 agents, the page watched for ${SECONDS} s`);
    const { context, page } = await openMatrix(browser, hub);
    await page.waitForTimeout(SETTLE_MS);
    await page.evaluate(() => (window.netloomFrames.length = window.gaps.length = 0));
    await page.waitForTimeout(SECONDS * 1_000);
    const { gaps, paints } = await page.evaluate(() => ({ gaps: window.gaps, paints: window.netloomFrames.map(({ ms }) => ms) }));
    await context.close();
    const share = gaps.filter((ms) => ms > 50).length / gaps.length;
    say(`${gaps.length} frames, ${paints.length} repaints, ${(share * 100).toFixed(2)} % of frames later than 50 ms`);
    return [
      figure("64 nodes: time between frames, p50", 17, percentile(gaps, 50)),
      figure("64 nodes: time between frames, p95", 34, percentile(gaps, 95)),
      figure("64 nodes: time between frames, p99", 50, percentile(gaps, 99)),
      figure("64 nodes: time between frames, worst", 100, Math.max(...gaps)),
      figure("64 nodes: repaint, p95", 16, percentile(paints, 95)),
    ];
  } finally {
    await agents.end();
    await hub.dispose();
  }
}

/** A mesh of 256 nodes, pushed pair by pair: the first picture, and repaints of all of it. */
async function large(browser) {
  const hub = await Hub.start({ env: LISTENS });
  const nodes = load(hub, ["push", "--nodes", "256", "--seconds", "3600"]);
  try {
    say("256 nodes");
    const known = async () => (await (await fetch(`${hub.url}/api/v1/matrix?metric=rtt_us`)).json()).nodes.length;
    await eventually("all nodes", async () => (await known()) === 256, 120_000);
    const firsts = [];
    const paints = [];
    for (let round = 0; round < NAVIGATIONS; round += 1) {
      const { context, page } = await openMatrix(browser, hub);
      firsts.push(await page.evaluate(() => window.firstPicture));
      await page.waitForTimeout(SETTLE_MS);
      paints.push(...(await page.evaluate(() => window.netloomFrames.filter(({ rows }) => rows > 128).map(({ ms }) => ms))));
      await context.close();
    }
    say(`${paints.length} repaints of more than half of the rows`);
    return [
      figure("256 nodes: navigation to the first picture, median", 1_000, percentile(firsts, 50)),
      figure("256 nodes: repaint, p50", 16, percentile(paints, 50)),
      figure("256 nodes: repaint, p95", 16, percentile(paints, 95)),
    ];
  } finally {
    await nodes.end();
    await hub.dispose();
  }
}

const browser = await launch();
try {
  const figures = [...(await smoothness(browser)), ...(await large(browser))];
  console.log(table(figures));
  console.log(`\n${cpus().length} cores (${cpus()[0].model}), load ${loadavg()[0].toFixed(1)}, no GPU: hub, nodes and browser share the machine`);
} finally {
  await browser.close();
}
