// Options arrive as JSON, which has no functions and knows no theme. Strings that begin with an @ stand for both.

import { moment, numberOf, tick, written } from "./format.js";
import { nameOf } from "./subject.js";

/**
 * A copy of an option with every placeholder replaced.
 *
 *   "@fmt:<unit>"    a function that writes the value it is given in that unit
 *   "@pair:<unit>"   the same for a tooltip, below the name of the cell, node or edge
 *   "@time"          a function that writes a moment: short on an axis, in full elsewhere
 *   "@var:--<name>"  the colour that the page's style sheet gives to that name
 */
export function resolve(option, colorOf) {
  const copied = (value) => {
    if (typeof value === "string") return value.startsWith("@") ? replaced(value, option, colorOf) : value;
    if (Array.isArray(value)) return value.map(copied);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copied(item)]));
  };
  return copied(option);
}

function replaced(text, option, colorOf) {
  const [kind, argument] = text.split(/:(.*)/s, 2);
  switch (kind) {
    case "@fmt":
      return (subject) => written(argument, numberOf(subject));
    case "@pair":
      return (subject) => pair(nameOf(subject, option), written(argument, numberOf(subject)));
    case "@time":
      // An axis passes the bare number, a cross-hair an object.
      return (subject) => (typeof subject === "object" ? moment(numberOf(subject)) : tick(subject));
    case "@var":
      return colorOf(argument);
    default:
      return text;
  }
}

// An element rather than HTML, because names come from other machines.
function pair(name, value) {
  const element = document.createElement("div");
  element.style.whiteSpace = "pre";
  element.textContent = `${name.replace(" > ", " → ")}\n${value}`;
  return element;
}
