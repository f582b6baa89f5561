// An agent that joined a hub: the binary as a user starts it elsewhere, here beside the hub.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { eventually, root } from "./wait.mjs";

const BINARY = process.env.NETLOOM_BIN ?? join(root, "target/release/netloom");

/** What a hub needs in its environment for agents to join it. */
export const HUB_FOR_AGENTS = { NETLOOM_AGENT_LISTEN: "127.0.0.1:0", NETLOOM_ECHO_LISTEN: "127.0.0.1:0" };

/** One agent with its folder. */
export class Agent {
  #process;
  #dir;

  /** Joins a hub under a name and waits until the hub knows the node. */
  static async join(hub, node) {
    const answer = await fetch(`${hub.url}/api/v1/agents/codes`, { method: "POST", body: "{}" });
    const { commands } = await answer.json();
    assert.ok(commands?.length, "the hub gives no code");
    const agent = new Agent();
    agent.#dir = await mkdtemp(join(tmpdir(), "netloom-test-agent-"));
    const args = [...commands[0].split(" ").slice(1), "--state-dir", agent.#dir, "--node", node, "--echo-listen", "127.0.0.1:0"];
    agent.#process = spawn(BINARY, args, { stdio: "ignore", env: { PATH: process.env.PATH } });
    await eventually(`${node} to report`, async () => {
      const nodes = await (await fetch(`${hub.url}/api/v1/nodes`)).json();
      return nodes.some((one) => one.node === node && one.status !== "silent");
    }, 20_000);
    return agent;
  }

  /** Ends it and removes what it kept. */
  async dispose() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, "exit");
      this.#process.kill("SIGKILL");
      await ended;
    }
    await rm(this.#dir, { recursive: true, force: true });
  }
}
