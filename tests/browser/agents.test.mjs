// From the settings page to a second node: a code is made, the command that it shows is run, the node joins, and its
// access is taken away again.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { eventually, Hub, openPage, root, stage } from "./harness.mjs";

const BINARY = process.env.NETLOOM_BIN ?? join(root, "target/release/netloom");

const set = stage({ env: { NETLOOM_AGENT_LISTEN: "127.0.0.1:0", NETLOOM_ECHO_LISTEN: "127.0.0.1:0" } });

test("a node joins with the command that the page shows, and is turned away when it is revoked", async (t) => {
  const { page } = await set.open(t, "/settings");
  await page.getByTestId("add-node").click();
  const command = await page.getByTestId("join-command").first().innerText();
  assert.match(command, /^netloom agent --hub https:\/\/127\.0\.0\.1:\d+ --token \S+$/);
  assert.match(await page.getByTestId("join-code").innerText(), /Good for one node and \d+ (min|s)/);

  const dir = await mkdtemp(join(tmpdir(), "netloom-test-agent-"));
  const args = [...command.split(" ").slice(1), "--state-dir", dir, "--node", "node-b", "--echo-listen", "127.0.0.1:0"];
  const agent = spawn(BINARY, args, { stdio: "ignore", env: { PATH: process.env.PATH } });
  t.after(async () => {
    if (agent.exitCode === null && agent.signalCode === null) {
      const ended = once(agent, "exit");
      agent.kill("SIGKILL");
      await ended;
    }
    await rm(dir, { recursive: true, force: true });
  });
  const row = page.getByTestId("agent-node-b");
  await row.waitFor({ timeout: 20_000 });
  assert.match(await row.innerText(), /may report/);
  const { page: nodes } = await set.open(t, "/nodes");
  await nodes.getByTestId("node-link-node-b").waitFor({ timeout: 20_000 });

  await row.getByTestId("revoke").click();
  await row.getByTestId("revoke-sure").click();
  await eventually("the node to be turned away", async () => /revoked/.test(await row.innerText()));
});

test("a hub that does not listen for agents says what to do", async (t) => {
  const hub = await Hub.start({});
  const { page, allow } = await openPage(t, set.browser, { baseURL: hub.url });
  // After the page is closed, which would miss it.
  t.after(() => hub.dispose());
  allow(/409/);
  await page.goto("/settings");
  await page.waitForFunction(() => document.documentElement.dataset.hydrated);
  await page.getByTestId("add-node").click();
  await eventually("the reason", async () => /--agent-listen/.test(await page.getByTestId("agents-failure").innerText()));
});
