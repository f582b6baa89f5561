// The colours of the page, for canvases that no style sheet reaches.

const root = document.documentElement;
const listeners = new Set();
let colors = new Map();

/** The colour behind a custom property, whatever the style sheet computes it from. */
export function colorOf(name) {
  if (!colors.has(name)) colors.set(name, computed(name));
  return colors.get(name);
}

/** Calls back after every change of theme; returns the function that ends this. */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The font of the page. */
export function fontFamily() {
  return getComputedStyle(document.body).fontFamily;
}

// The value of a custom property may itself be an expression, which only a real property computes.
function computed(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  root.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function changed() {
  colors = new Map();
  for (const listener of listeners) listener();
}

new MutationObserver(changed).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
