// The time that the charts show: the last minutes, hours or days, or between two moments.
import { time } from "./format.js";

const local = (at) => {
  const date = new Date(at * 1000);
  return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
};

export class Range {
  /** `changed()` is called when another time is wanted. */
  constructor(form, changed) {
    this.form = form;
    this.changed = changed;
    this.fields = form.elements;
    this.custom = form.querySelector(".custom");
    this.between = null;
    this.last = `-${this.fields.range.value}`;
    form.addEventListener("change", ({ target }) => target.name === "range" && this.choose(target.value));
    form.addEventListener("change", ({ target }) => target.name === "live" && target.checked && changed());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.take();
    });
  }

  /** Parameters for the questions to the command. */
  get parameters() {
    const [from, to] = this.between?.map((at) => new Date(at * 1000).toISOString()) ?? [this.last, "now"];
    return { from, to };
  }

  /** Whether new figures are to be fetched as they come. */
  get live() {
    return this.fields.live.checked && !this.between;
  }

  /** Look closer at a part; from and to are unix seconds. */
  zoom(from, to) {
    this.fields.range.value = "custom";
    this.custom.hidden = false;
    this.fields.from.value = local(from);
    this.fields.to.value = local(to);
    this.show([Math.floor(from), Math.ceil(to)]);
  }

  choose(value) {
    this.custom.hidden = value !== "custom";
    if (value !== "custom") {
      this.last = `-${value}`;
      return this.show(null);
    }
    const now = Date.now() / 1000;
    this.fields.from.value ||= local(now - 3600);
    this.fields.to.value ||= local(now);
  }

  take() {
    const [from, to] = ["from", "to"].map((name) => Date.parse(this.fields[name].value) / 1000);
    const error = this.custom.querySelector(".error");
    error.textContent = "";
    if (Number.isNaN(from) || Number.isNaN(to)) error.textContent = "Give both a date and a time.";
    else if (from >= to) error.textContent = "It ends before it begins.";
    else this.show([from, to]);
  }

  show(between) {
    this.between = between;
    this.fields.live.disabled = between !== null;
    this.changed();
  }

  refreshed() {
    this.form.querySelector("[data-part=refreshed]").textContent = `As of ${time(Date.now() / 1000)}`;
  }
}
