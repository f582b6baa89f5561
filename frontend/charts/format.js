// Turning numbers and moments into text. How a unit is written is decided in one place only, the client's Rust code,
// which hands its function over at start.

let format = (_unit, value) => String(value);

/** Sets the function (unit, value) -> text that writes all numbers. */
export function setFormatter(formatter) {
  format = formatter;
}

/** Writes a value, or a dash where there is none. */
export function written(unit, value) {
  return Number.isFinite(value) ? format(unit, value) : "–";
}

/** The number in whatever a chart hands to a formatter: the number itself, a list of dimensions, or an event. */
export function numberOf(subject) {
  if (Array.isArray(subject)) return numberOf(subject.at(-1));
  if (subject !== null && typeof subject === "object") return numberOf(subject.value);
  return subject === null || subject === undefined || subject === "" ? NaN : Number(subject);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number) => String(number).padStart(2, "0");
const day = (date) => `${date.getDate()} ${MONTHS[date.getMonth()]}`;
const minute = (date) => `${two(date.getHours())}:${two(date.getMinutes())}`;

/** A moment in full, in the clock of the person who looks. */
export function moment(ms) {
  const date = new Date(ms);
  return `${day(date)} ${minute(date)}:${two(date.getSeconds())}`;
}

/** A tick of a time axis: only as much of the moment as tells it from its neighbours. */
export function tick(ms) {
  const date = new Date(ms);
  if (date.getSeconds() !== 0) return `${minute(date)}:${two(date.getSeconds())}`;
  return date.getHours() === 0 && date.getMinutes() === 0 ? day(date) : minute(date);
}
