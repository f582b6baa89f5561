// A mesh without machines: what its agents would send, pushed over the public API.

import assert from "node:assert/strict";

/** A request holds this many samples at most, well below what the hub takes. */
const LINES_MAX = 8_000;

/** Nodes in racks, with latencies that follow from who they are, so that every run sees the same. */
export class Mesh {
  #hub;
  #timer = null;
  #round = 0;
  /** Loss by node, on everything it sends and receives. */
  loss = {};
  /** Nodes that are starved. */
  starved = new Set();

  constructor(hub, { nodes = 8, racks = 2, prefix = "gpu" } = {}) {
    this.#hub = hub;
    const digits = String(nodes).length;
    this.names = Array.from({ length: nodes }, (_, at) => `${prefix}-${String(at + 1).padStart(Math.max(2, digits), "0")}`);
    this.racks = Array.from({ length: racks }, (_, rack) => this.names.filter((_, at) => at % racks === rack));
  }

  /** Slurm's way to say which node stands where. */
  get topology() {
    return this.racks.map((names, at) => `SwitchName=rack-${at + 1} Nodes=${names.join(",")}`).join("\n");
  }

  /** What is usual between two nodes, µs: little within a rack, more between them. */
  usual(a, b) {
    const isNear = a % this.racks.length === b % this.racks.length;
    return (isNear ? 22 : 95) + ((a * 7 + b * 13) % 11);
  }

  /** Pushes one round of all pairs, as of a moment. */
  async push(at = Date.now(), metrics = ["rtt_us", "rtt_min_us", "rtt_max_us", "jitter_us", "loss_ratio"]) {
    this.#round += 1;
    const lines = [];
    const add = (metric, value, labels) => lines.push(JSON.stringify({ metric, ts_ms: at, value, labels }));
    this.names.forEach((src, a) => {
      add("echo_lag_us", this.starved.has(src) ? 40_000 : 120, { node: src });
      this.names.forEach((dst, b) => {
        if (a === b) return;
        const noise = 1 + 0.1 * Math.sin(this.#round * 1.7 + a * 3 + b);
        const lost = Math.max(this.loss[src] ?? 0, this.loss[dst] ?? 0);
        const rtt = this.usual(a, b) * noise * (lost > 0 ? 6 : 1);
        const values = { rtt_us: rtt, rtt_min_us: rtt * 0.85, rtt_max_us: rtt * 1.6, jitter_us: rtt * 0.08, loss_ratio: lost };
        for (const metric of metrics) add(metric, values[metric], { src, dst, mode: "udp" });
      });
    });
    while (lines.length > 0) await this.#send(lines.splice(0, LINES_MAX));
  }

  /** Pushes rounds of the past, one every `everyMs`. */
  async pushPast(forMs, everyMs = 5_000) {
    const now = Date.now();
    for (let at = now - forMs; at < now; at += everyMs) await this.push(at);
  }

  /** Goes on pushing until `stop`. */
  start(everyMs = 1_000) {
    this.#timer = setInterval(() => this.push().catch(() => this.stop()), everyMs);
    return this;
  }

  stop() {
    clearInterval(this.#timer);
  }

  async #send(lines) {
    const answer = await fetch(`${this.#hub.url}/api/v1/samples`, { method: "POST", body: lines.join("\n") });
    assert.equal(answer.status, 204, await answer.text());
  }
}
