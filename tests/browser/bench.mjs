// Measures a hub and its pages as a user meets them, and prints a table. Nothing here passes or fails: figures of a
// busy machine mean little, and the table says which machine it was.
//
// BENCH_MINUTES sets how long memory and CPU are watched (default 10).

import { readFile, stat } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";

import { firstPixels, hydrations, latencies } from "./bench/page.mjs";
import { watch } from "./bench/process.mjs";
import { median, percentile, table } from "./bench/table.mjs";
import { Hub, launch, root } from "./harness.mjs";

const SOAK_MINUTES = Number(process.env.BENCH_MINUTES ?? 10);
const TARGETS = 8;

// As many targets as a small cluster has, none of them beyond this machine.
const config = Array.from({ length: TARGETS }, (_, index) => {
  return `[[settings.probe.targets]]\nname = "target-${index + 1}"\naddress = "127.0.0.${index + 1}"\n`;
}).join("\n");

const say = (text) => process.stderr.write(`bench: ${text}\n`);

async function brotliKb(name) {
  const site = join(root, "target/site");
  const { pkg_dir } = JSON.parse(await readFile(join(site, "manifest.json"), "utf8"));
  return (await stat(join(site, pkg_dir, `${name}.br`))).size / 1e3;
}

async function measured(browser) {
  say("from the start of the process to the first sample on the screen");
  const firsts = await firstPixels(browser, config);
  const hub = await Hub.start({ config });
  try {
    say("from navigation to an interactive page");
    const interactive = await hydrations(browser, hub.url);
    say("from sample to pixel");
    const context = await browser.newContext({ baseURL: hub.url });
    const waits = await latencies(context);
    say(`memory and CPU over ${SOAK_MINUTES} min with one open tab`);
    const { rssMb, growthMb, cpuPercent } = await watch(hub.pid, SOAK_MINUTES);
    await context.close();
    await hub.stop();
    return [
      { figure: "hub memory (VmRSS)", target: 60, value: rssMb, unit: "MB" },
      { figure: "hub memory, growth over the soak", target: 2, value: growthMb, unit: "MB" },
      { figure: "hub CPU, share of one core", target: 2, value: cpuPercent, unit: "%" },
      { figure: "sample to pixel, p50", target: 200, value: percentile(waits, 50), unit: "ms" },
      { figure: "sample to pixel, p95", target: 300, value: percentile(waits, 95), unit: "ms" },
      { figure: "navigation to interactive", target: 1_500, value: median(interactive), unit: "ms" },
      { figure: "wasm, brotli", target: 450, value: await brotliKb("netloom_bg.wasm"), unit: "kB" },
      { figure: "charts, brotli", target: 260, value: await brotliKb("charts.js"), unit: "kB" },
      { figure: "process start to first sample on screen", target: 3_000, value: median(firsts), unit: "ms" },
    ];
  } finally {
    await hub.dispose();
  }
}

const browser = await launch();
try {
  const figures = await measured(browser);
  console.log(table(figures));
  console.log(`\n${cpus().length} cores (${cpus()[0].model}), ${TARGETS} targets, medians unless said otherwise`);
} finally {
  await browser.close();
}
