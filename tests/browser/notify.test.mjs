// From the settings page to somebody who is told: a receiver is added, tried out and saved, and what it keeps secret is
// never shown again.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";

import { eventually, stage } from "./harness.mjs";

const SECRET = "swordfish-42";

const set = stage({ config: "[settings.notify]\nallow_private = true\n" });

/** A server that keeps what is posted to it. */
async function receiver(t) {
  const got = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      got.push({ token: request.headers.authorization, json: JSON.parse(body) });
      response.writeHead(200).end("ok");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}/hook`, got };
}

const field = (page, key) => page.getByTestId(`field-notify.receivers[0].${key}`);

test("a receiver is tried out, saved, and its secret is shown no more", async (t) => {
  const { url, got } = await receiver(t);
  const { page } = await set.open(t, "/settings");
  await page.getByTestId("add-receiver").click();
  await field(page, "name").fill("team");
  await page.getByTestId("error-notify.receivers[0].url").waitFor();
  await field(page, "url").fill(url);
  await field(page, "secret").fill(SECRET);

  // Before it is saved.
  await page.getByTestId("test-receiver-0").click();
  const result = page.getByTestId("receiver-result-0");
  await eventually("the test to arrive", async () => /^Delivered in \d+ ms$/.test(await result.innerText()));
  assert.equal(got.length, 1);
  assert.equal(got[0].token, `Bearer ${SECRET}`);
  assert.equal(got[0].json.receiver, "team");
  await page.getByTestId("delivery").first().waitFor();
  assert.match(await page.getByTestId("delivery").first().innerText(), /team\s+test\s+1\s+delivered/);

  await page.getByTestId("save-settings").click();
  await page.getByTestId("review-save").click();
  await eventually("the receiver to be kept", async () => {
    const kept = await (await fetch(`${set.hub.url}/api/v1/settings`)).json();
    return kept.notify.receivers[0]?.secret === "********";
  });

  const { page: again, response } = await set.open(t, "/settings");
  assert.equal(await field(again, "name").inputValue(), "team");
  assert.equal(await field(again, "secret").inputValue(), "");
  assert.equal(await field(again, "secret").getAttribute("placeholder"), "set; type to replace");
  assert.ok(!(await response.text()).includes(SECRET));
  assert.ok(!(await again.content()).includes(SECRET));

  // It is still known, and what fails is said in words.
  await again.getByTestId("test-receiver-0").click();
  await eventually("the second test to arrive", async () => got.length === 2);
  assert.equal(got[1].token, `Bearer ${SECRET}`);
  await field(again, "url").fill("http://127.0.0.1:9/");
  await field(again, "secret").fill("");
  await again.getByTestId("test-receiver-0").click();
  const said = again.getByTestId("receiver-result-0");
  await eventually("the refusal", async () => /^Not delivered: .*another destination/.test(await said.innerText()));
});

test("each kind has its own fields", async (t) => {
  const { page } = await set.open(t, "/settings");
  await page.getByTestId("add-receiver").click();
  const last = (await page.locator(".receiver").count()) - 1;
  const at = (key) => page.getByTestId(`field-notify.receivers[${last}].${key}`);
  await at("kind").selectOption("email");
  await at("to").fill("a@example.org, b@example.org");
  assert.equal(await at("host").count(), 1);
  assert.equal(await at("topic").count(), 0);
  await at("kind").selectOption("ntfy");
  await at("topic").waitFor();
  assert.equal(await at("host").count(), 0);
  await page.getByTestId(`remove-receiver-${last}`).click();
  await eventually("the receiver to go", async () => (await page.locator(".receiver").count()) === last);
});
