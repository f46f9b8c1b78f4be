// Figures and times as people read them.

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB"];
const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function significant(value) {
  return value >= 100 ? number.format(Math.round(value)) : number.format(value);
}

function bytes(value) {
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < BINARY.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit ? significant(value) : Math.round(value)} ${BINARY[unit]}`;
}

function duration(seconds) {
  if (Math.abs(seconds) >= 1 || seconds === 0) return `${significant(seconds)} s`;
  const ms = seconds * 1000;
  return ms >= 1 ? `${significant(ms)} ms` : `${significant(ms * 1000)} µs`;
}

/** A figure in its unit; the units are those of the catalogue. */
export function human(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (unit === "B") return bytes(value);
  if (unit === "B/s") return `${bytes(value)}/s`;
  if (unit === "s") return duration(value);
  if (unit === "%") return `${number.format(value)}%`;
  if (unit === "/s") return `${value && value < 0.1 ? value.toPrecision(1) : number.format(value)}/s`;
  if (unit === "a month") return `${money.format(value)} a month`;
  return number.format(value);
}

export const time = (at) => clock.format(at * 1000);
export const moment = (at) => full.format(at * 1000);

/** A label of the axis of time: the finer the shorter the time. */
export function tick(at, span) {
  if (span > 2 * 86400) return day.format(at * 1000);
  return span > 1800 ? short.format(at * 1000) : clock.format(at * 1000);
}

/** How long ago: `12 min`. */
export function since(at) {
  const seconds = Math.max(0, Date.now() / 1000 - at);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}
