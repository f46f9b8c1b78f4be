// One chart: its lines, what they say at a moment, and the same in words and as a table.
import { html, scrolling } from "./element.js";
import { human, moment } from "./format.js";
import { Legend } from "./legend.js";
import { HEIGHT, plot } from "./plot.js";
import { asTable, highest, latest, summary } from "./words.js";

// A machine has the same colour in every chart, whatever else a chart shows.
const colours = new Map();

function colour(by, name) {
  const known = colours.get(by) ?? colours.set(by, new Map()).get(by);
  if (!known.has(name)) known.set(name, known.size);
  return known.get(name);
}

export class Chart {
  /** `about` is {id, title, unit, by}; `zoom(from, to)` is called with what was dragged over. */
  constructor(about, zoom) {
    const { id, title } = about;
    this.about = about;
    this.zoom = zoom;
    this.marks = [];
    this.names = [];
    this.index = null; // of the moment that is looked at; null is the newest
    this.now = html("p", { class: "now" }, "…");
    this.plot = html("div", { class: "plot" }, html("p", { class: "quiet empty" }, "Fetching …"));
    this.legend = new Legend(html("ul", { class: "legend", "aria-label": `Lines of ${title}` }), (name, shown) => this.toggle(name, shown));
    this.rows = scrolling(`${title} as a table`);
    this.details = html("details", { class: "table" }, html("summary", {}, "As a table"), this.rows);
    this.figure = html(
      "figure",
      { class: "figure", "data-chart": id, "data-state": "loading", "aria-labelledby": `title-${id}` },
      html("h4", { id: `title-${id}` }, title),
      ...[this.now, this.plot, this.legend.list, this.details],
    );
    this.details.addEventListener("toggle", () => this.fillTable());
    this.plot.addEventListener("keydown", (event) => this.step(event));
    this.plot.addEventListener("blur", () => this.look(null));
  }

  get isEmpty() {
    return this.figure.dataset.state === "empty";
  }

  /** New figures: {times, series: [{name, values}], from, to}. */
  update(found) {
    this.found = found;
    this.figure.classList.remove("stale");
    this.figure.dataset.state = found.series.length ? "drawn" : "empty";
    this.figure.hidden = this.isEmpty;
    if (this.isEmpty) {
      this.clear();
      return;
    }
    this.draw();
    this.plot.setAttribute("aria-valuemax", found.times.length - 1);
    this.plot.setAttribute("aria-label", summary(found, this.about));
    this.look(this.index);
    this.fillTable();
  }

  /** Releases: [{at, release}]. */
  mark(marks) {
    this.marks = marks;
    this.drawn?.redraw(false);
  }

  /** What is shown may be old: nothing new could be had. */
  stale() {
    this.figure.classList.add("stale");
    if (this.drawn) return;
    this.figure.dataset.state = "failed";
    this.figure.hidden = false;
    this.now.textContent = "";
    this.plot.replaceChildren(html("p", { class: "quiet empty" }, "No figures could be had."));
  }

  clear() {
    this.drawn?.destroy();
    this.drawn = null;
    this.names = [];
  }

  draw() {
    const { times, series, from, to } = this.found;
    const names = series.map(({ name }) => name);
    const data = [times, ...series.map(({ values }) => values)];
    const lines = names.map((name) => [name, colour(this.about.by, name), this.legend.hidden.has(name)]);
    if (this.drawn && names.join("\n") === this.names.join("\n")) {
      this.drawn.setData(data, false);
    } else {
      this.clear();
      this.names = names;
      this.plot.replaceChildren();
      this.drawn = plot(this.plot, this.about.unit, lines, data, {
        marks: () => this.marks,
        look: (index) => this.look(index),
        zoom: this.zoom,
      });
      // A slider over the moments: the pattern that assistive technology knows.
      for (const [name, value] of [["tabindex", 0], ["role", "slider"], ["aria-valuemin", 0]]) this.plot.setAttribute(name, value);
      this.legend.show(lines.map(([name, index]) => [name, index]));
      this.legend.list.hidden = names.length < 2;
    }
    this.drawn.setScale("x", { min: from, max: to });
  }

  toggle(name, shown) {
    const index = this.names.indexOf(name);
    if (index >= 0) this.drawn.setSeries(index + 1, { show: shown });
  }

  /** Shows the values at one moment, or the newest ones. */
  look(index) {
    const { times, series } = this.found ?? { series: [] };
    if (!series.length) return;
    const { unit } = this.about;
    this.index = index === null ? null : Math.min(index, times.length - 1);
    const at = this.index ?? times.length - 1;
    const values = new Map(series.map(({ name, values: all }) => [name, this.index === null ? latest(all) : all[at]]));
    const where = this.index === null ? "Now" : `${moment(times[at])}${this.releaseAt(at)}`;
    const said = [...values].map(([name, value]) => `${series.length > 1 ? `${name} ` : ""}${human(value, unit)}`).join(", ");
    this.legend.tell(values, unit);
    this.now.textContent = `${where}${series.length > 1 ? "" : `: ${said}`}${this.index === null ? highest(this.found, unit) : ""}`;
    this.plot.setAttribute("aria-valuenow", at);
    this.plot.setAttribute("aria-valuetext", `${where}: ${said}`);
  }

  releaseAt(index) {
    const { times, step } = this.found;
    const found = this.marks.find(({ at }) => Math.abs(at - times[index]) <= step);
    return found ? `, release ${found.release || found.version}` : "";
  }

  step(event) {
    if (!this.drawn) return;
    const last = this.found.times.length - 1;
    const from = this.index ?? last;
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -last, End: last };
    if (event.key === "Escape") this.drawn.setCursor({ left: -10, top: -10 });
    if (!(event.key in steps)) return;
    event.preventDefault();
    const index = Math.min(Math.max(from + steps[event.key], 0), last);
    this.drawn.setCursor({ left: this.drawn.valToPos(this.found.times[index], "x"), top: HEIGHT / 2 });
    this.look(index);
  }

  fillTable() {
    if (this.details.open && this.drawn) this.rows.replaceChildren(asTable(this.found, this.about.unit));
  }

  resize() {
    if (this.drawn && this.plot.clientWidth) this.drawn.setSize({ width: this.plot.clientWidth, height: HEIGHT });
  }

  repaint() {
    this.drawn?.redraw();
  }
}
