// Nodes and links as SVG: the style sheet colours them, so themes, shapes and pulses are its business, and a node that did
// not change is not touched.

const NS = "http://www.w3.org/2000/svg";
/** Room for names and pulses at the edges, px. */
const MARGIN = { x: 56, y: 36 };
/** With more nodes than this names would lie on each other: only those that matter are written. */
const NAMES_MAX = 48;
/** The shape of a status, so that it is not told by colour alone. */
const SHAPES = {
  ok: "M0-7a7 7 0 1 0 .01 0z",
  warning: "M0-9l9 16h-18z",
  critical: "M-7.5-7.5h15v15h-15z",
  unknown: "M0-7a7 7 0 1 0 .01 0zM0-4a4 4 0 1 1-.01 0z",
};

/** The handle that netloomCharts.graph() returns. */
export class Graph {
  #element;
  #hooks;
  #svg;
  #layers;
  #known = new Map(); // what is drawn: element and what it was drawn from, by kind and id
  #scene = null;
  #resizing;
  #listening = new AbortController();

  constructor(element, hooks) {
    this.#element = element;
    this.#hooks = hooks;
    this.#svg = made("svg", { class: "graph", "aria-hidden": "true" });
    this.#layers = Object.fromEntries(["links", "pulses", "nodes"].map((name) => [name, made("g", { class: `graph-${name}` })]));
    this.#svg.append(...Object.values(this.#layers));
    element.append(this.#svg);
    this.#resizing = new ResizeObserver(() => this.#draw());
    this.#resizing.observe(element);
    const { signal } = this.#listening;
    this.#svg.addEventListener("click", (event) => this.#told(event, this.#hooks.onPick), { signal });
    this.#svg.addEventListener("pointerover", (event) => this.#told(event, this.#hooks.onPoint), { signal });
    this.#svg.addEventListener("pointerleave", () => this.#hooks.onPoint?.("", "", 0, 0), { signal });
  }

  /**
   * Shows `{ nodes: [{ id, x, y, tone, pulses }], links: [{ source, target, tone, step, width }] }` given as JSON;
   * x and y are 0 to 1, `step` is a colour of the ramp, 1 to 5, in place of a tone.
   */
  update(sceneJson) {
    this.#scene = JSON.parse(sceneJson);
    this.#draw();
  }

  dispose() {
    this.#listening.abort();
    this.#resizing.disconnect();
    this.#svg.remove();
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#element;
    if (!this.#scene || width === 0) return;
    const begun = performance.now();
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const extent = Math.min(width - 2 * MARGIN.x, (height - 2 * MARGIN.y) * 1.6);
    const high = Math.min(height - 2 * MARGIN.y, extent);
    const at = ({ x, y }) => [width / 2 + (x - 0.5) * extent, height / 2 + (y - 0.5) * high].map(Math.round);
    const places = new Map(this.#scene.nodes.map((node) => [node.id, at(node)]));
    const isFew = this.#scene.nodes.length <= NAMES_MAX;
    const seen = new Set();
    for (const link of this.#scene.links) {
      const [from, to] = [places.get(link.source), places.get(link.target)];
      if (from && to) this.#keep(seen, "links", `${link.source} > ${link.target}`, lineOf(link, from, to));
    }
    for (const node of this.#scene.nodes) {
      const [x, y] = places.get(node.id);
      if (node.pulses) this.#keep(seen, "pulses", node.id, { tag: "circle", class: "graph-pulse", cx: x, cy: y, r: 10 });
      this.#keep(seen, "nodes", node.id, nodeOf(node, x, y, isFew || node.pulses || node.tone !== "ok", extent));
    }
    for (const [key, { element }] of this.#known) {
      if (seen.has(key)) continue;
      element.remove();
      this.#known.delete(key);
    }
    window.netloomFrames?.push({ id: this.#element.id, ms: performance.now() - begun });
  }

  // Draws something, or leaves it as it is when nothing about it changed.
  #keep(seen, layer, id, look) {
    const key = `${layer} ${id}`;
    seen.add(key);
    const text = JSON.stringify(look);
    const known = this.#known.get(key);
    if (known?.text === text) return;
    const { tag, children = [], ...attributes } = look;
    const element = made(tag, { ...attributes, "data-id": id });
    element.append(...children.map(({ tag: inner, text: content, ...rest }) => made(inner, rest, content)));
    if (known) known.element.replaceWith(element);
    else this.#layers[layer].append(element);
    this.#known.set(key, { element, text });
  }

  #told(event, hook) {
    const target = event.target.closest("[data-id]");
    const { left, top } = this.#element.getBoundingClientRect();
    const kind = target && (target.parentNode === this.#layers.nodes ? "node" : "link");
    hook?.(target?.dataset.id ?? "", kind ?? "", event.clientX - left, event.clientY - top);
  }
}

function lineOf({ tone, step, width }, from, to) {
  const look = step ? `graph-link step-${step}` : `graph-link tone-${tone}`;
  const ends = { x1: from[0], y1: from[1], x2: to[0], y2: to[1] };
  // A thin line is hard to point at; a wide one that is not seen lies over it.
  return { tag: "g", class: look, children: [{ tag: "line", ...ends, "stroke-width": width }, { tag: "line", class: "graph-hit", ...ends }] };
}

function nodeOf({ id, tone }, x, y, isNamed, extent) {
  const room = extent < 400 ? 9 : 18;
  const text = id.length > room ? `…${id.slice(1 - room)}` : id;
  const children = [{ tag: "circle", class: "graph-hit", r: 14 }, { tag: "path", d: SHAPES[tone] ?? SHAPES.unknown }];
  if (isNamed) children.push({ tag: "text", y: 22, text });
  return { tag: "g", class: `graph-node tone-${tone}`, transform: `translate(${x} ${y})`, children };
}

function made(tag, attributes, text) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
