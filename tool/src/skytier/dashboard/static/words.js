// A chart in words, for whoever does not see it, and as a table.
import { table } from "./element.js";
import { human, moment } from "./format.js";

const ROWS = 60;

export function latest(values) {
  return values.findLast((value) => value !== null) ?? null;
}

/** ` · highest 40% (web-1)` */
export function highest({ series }, unit) {
  const tops = series.map(({ name, values }) => ({ name, value: Math.max(...values.filter((value) => value !== null)) }));
  const top = tops.reduce((most, each) => (each.value > most.value ? each : most));
  return ` · highest ${human(top.value, unit)}${series.length > 1 ? ` (${top.name})` : ""}`;
}

/** The whole chart in a sentence for each line. */
export function summary({ from, to, series }, { title, unit }) {
  const said = series.map(({ name, values }) => {
    const there = values.filter((value) => value !== null);
    const mean = there.reduce((sum, value) => sum + value, 0) / there.length;
    const whose = series.length > 1 ? `${name}: ` : "";
    return `${whose}now ${human(latest(values), unit)}, on average ${human(mean, unit)}, at the most ${human(Math.max(...there), unit)}`;
  });
  return `${title}, ${moment(from)} to ${moment(to)}. ${said.join("; ")}.`;
}

/** The newest moment first, and no more rows than one can read. */
export function asTable({ times, series }, unit) {
  const stride = Math.max(1, Math.ceil(times.length / ROWS));
  const rows = times.flatMap((at, index) =>
    index % stride ? [] : [[moment(at), ...series.map(({ values }) => human(values[index], unit))]],
  );
  const numbers = series.map((_, index) => index + 1);
  return table(["Time", ...series.map(({ name }) => name)], rows.reverse(), numbers);
}
