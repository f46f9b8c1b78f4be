// The lines of a chart by name: a button for each takes it away and brings it back.
import { html, svg } from "./element.js";
import { human } from "./format.js";
import { dash, LINES } from "./inks.js";

const sample = (index) =>
  svg(
    "svg",
    { viewBox: "0 0 28 6", width: 28, height: 6, "aria-hidden": "true", class: `ink-${index % LINES}` },
    svg("line", { x1: 0, y1: 3, x2: 28, y2: 3, stroke: "currentColor", "stroke-width": 2.5, "stroke-dasharray": dash(index).join(" ") }),
  );

export class Legend {
  /** `toggle(name, shown)` is called when a line goes or comes. */
  constructor(list, toggle) {
    this.list = list;
    this.toggle = toggle;
    this.hidden = new Set();
    this.values = new Map();
  }

  /** Names with their colours; the buttons stay when nothing has changed, and with them the focus. */
  show(lines) {
    const key = JSON.stringify(lines);
    if (key === this.key) return;
    this.key = key;
    this.values.clear();
    this.list.replaceChildren(...lines.map(([name, index]) => this.item(name, index)));
  }

  item(name, index) {
    const value = html("output", { "aria-live": "off" });
    const button = html(
      "button",
      { type: "button", class: "plain", "aria-pressed": String(!this.hidden.has(name)) },
      sample(index),
      html("span", {}, name),
    );
    button.addEventListener("click", () => {
      const shown = this.hidden.delete(name);
      if (!shown) this.hidden.add(name);
      button.setAttribute("aria-pressed", String(shown));
      this.toggle(name, shown);
    });
    this.values.set(name, value);
    return html("li", {}, button, " ", value);
  }

  /** The values at the place that is looked at. */
  tell(values, unit) {
    for (const [name, output] of this.values) output.textContent = human(values.get(name), unit);
  }
}
