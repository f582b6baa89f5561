// A hub as a user starts it: the release binary, its own folder of data, a port of its own.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { eventually, root } from "./wait.mjs";

const BINARY = process.env.NETLOOM_BIN ?? join(root, "target/release/netloom");

/** How long a hub may take to end after it was asked to. */
const STOP_LIMIT_MS = 5_000;

/** How much of the log a failure shows. */
const LOG_TAIL_LINES = 30;

/** One hub with its folder; it can be stopped or killed and started again in the same place. */
export class Hub {
  /** The address of its pages. */
  url;
  #dir;
  #options;
  #process;
  #log = [];

  constructor(dir, options) {
    this.#dir = dir;
    this.#options = options;
  }

  /**
   * Starts a hub. Options: `config` (TOML text), `env`, `listen` (address and port), `command` (`serve`
   * unless another is named).
   */
  static async start(options = {}) {
    const dir = await mkdtemp(join(tmpdir(), "netloom-test-"));
    const hub = new Hub(dir, options);
    if (options.config !== undefined) await writeFile(hub.#configFile, options.config);
    try {
      await hub.#spawn(options.listen ?? "127.0.0.1:0");
      await hub.ready();
    } catch (error) {
      await hub.dispose();
      throw error;
    }
    return hub;
  }

  get pid() {
    return this.#process.pid;
  }

  /** The last lines it logged. */
  get log() {
    return this.#log.slice(-LOG_TAIL_LINES).join("\n");
  }

  /** Waits until it has opened its store. */
  async ready() {
    await eventually(`the hub to be ready\n${this.log}`, async () => (await fetch(`${this.url}/readyz`)).ok);
  }

  /** Asks it to end and checks that it does so in time and without an error. */
  async stop() {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_LIMIT_MS);
    const [code, signal] = await ended;
    clearTimeout(timer);
    assert.equal(signal, null, `the hub did not end within ${STOP_LIMIT_MS} ms\n${this.log}`);
    assert.equal(code, 0, `the hub ended with an error\n${this.log}`);
  }

  /** Ends it as a power cut would. */
  async kill() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }

  /** Starts it again on the same port with the same data. */
  async restart() {
    await this.#spawn(new URL(this.url).host);
    await this.ready();
  }

  /** Ends it and removes its data. */
  async dispose() {
    if (this.#process) await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }

  get #configFile() {
    return join(this.#dir, "netloom.toml");
  }

  async #spawn(listen) {
    const command = this.#options.command ?? "serve";
    const args = [command, "--listen", listen, "--data-dir", join(this.#dir, "data")];
    if (this.#options.config !== undefined) args.push("--config", this.#configFile);
    this.#process = spawn(BINARY, args, { env: this.#environment(), stdio: ["ignore", "pipe", "pipe"] });
    await once(this.#process, "spawn");
    this.url = await this.#address();
  }

  // The variables of whoever runs the tests must not configure the hub, and tests probe this machine only.
  #environment() {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("NETLOOM_"));
    const ours = { NETLOOM_NODE: "node-a", NETLOOM_SETTINGS__PROBE__DEFAULT_TARGETS: "false" };
    return { ...Object.fromEntries(inherited), ...ours, ...this.#options.env };
  }

  // The hub prints its address once it listens.
  #address() {
    const { promise, resolve, reject } = withResolvers();
    const lines = (stream, onLine) => {
      let rest = "";
      stream.setEncoding("utf8").on("data", (text) => {
        const parts = (rest + text).split("\n");
        rest = parts.pop();
        parts.forEach(onLine);
      });
    };
    lines(this.#process.stderr, (line) => this.#log.push(line));
    lines(this.#process.stdout, (line) => {
      this.#log.push(line);
      const found = line.match(/http:\/\/127\.0\.0\.1:\d+/);
      if (found) resolve(found[0]);
    });
    this.#process.once("exit", (code, signal) => {
      reject(new Error(`the hub ended at once (${signal ?? code})\n${this.log}`));
    });
    return promise;
  }
}

function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((...callbacks) => ([resolve, reject] = callbacks));
  return { promise, resolve, reject };
}
