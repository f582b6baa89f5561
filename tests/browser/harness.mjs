// What every browser test needs: a real hub, a real browser, and a page that forgives nothing.

export { Agent, HUB_FOR_AGENTS } from "./harness/agent.mjs";
export { launch, openPage } from "./harness/browser.mjs";
export { Hub } from "./harness/hub.mjs";
export { Mesh } from "./harness/mesh.mjs";
export { stage } from "./harness/stage.mjs";
export { eventually, nextDrawing, root } from "./harness/wait.mjs";
