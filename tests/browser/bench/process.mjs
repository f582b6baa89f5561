// What a process costs, from the kernel's own books.

import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";

import { median } from "./table.mjs";

const SAMPLE_EVERY_MS = 2_000;

/** Watches a process: median memory, its growth from the first to the last third, and its share of one core. */
export async function watch(pid, minutes) {
  if (process.platform !== "linux") return { rssMb: NaN, growthMb: NaN, cpuPercent: NaN };
  const memory = [];
  const startMs = performance.now();
  const startCpuMs = await cpuMs(pid);
  do {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_EVERY_MS));
    memory.push(await rssMb(pid));
  } while (performance.now() - startMs < minutes * 60_000);
  const third = Math.max(1, Math.floor(memory.length / 3));
  return {
    rssMb: median(memory),
    growthMb: median(memory.slice(-third)) - median(memory.slice(0, third)),
    cpuPercent: (100 * ((await cpuMs(pid)) - startCpuMs)) / (performance.now() - startMs),
  };
}

async function rssMb(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return (Number(status.match(/VmRSS:\s+(\d+) kB/)[1]) * 1024) / 1e6;
}

async function cpuMs(pid) {
  // The name in parentheses may hold spaces; user and system time are the 12th and 13th field after it.
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ");
  const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond;
}
