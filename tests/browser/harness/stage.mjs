// The stage of one test file: a hub and a browser that live as long as its tests.

import { after, before } from "node:test";

import { launch, openPage } from "./browser.mjs";
import { Hub } from "./hub.mjs";

/** Sets up a hub (options as for `Hub.start`) and a browser before the tests of this file and ends both after them. */
export function stage(options) {
  const set = {};
  before(async () => {
    set.hub = await Hub.start(options);
    set.browser = await launch();
  });
  after(async () => {
    await set.browser?.close();
    await set.hub?.stop();
    await set.hub?.dispose();
  });
  /** Opens a page of the hub (options as for `openPage`) and waits until it can be used. */
  set.open = async (test, path, pageOptions = {}) => {
    const opened = await openPage(test, set.browser, { baseURL: set.hub.url, ...pageOptions });
    const response = await opened.page.goto(path);
    await opened.page.waitForFunction(() => document.documentElement.dataset.hydrated);
    return { ...opened, response };
  };
  return set;
}
