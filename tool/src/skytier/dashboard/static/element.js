// Elements, made without any HTML in text: what comes from the stack is never markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

export const html = (name, attributes = {}, ...children) =>
  filled(document.createElement(name), attributes, children);

export const svg = (name, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, name), attributes, children);

export const part = (name) => document.querySelector(`[data-part=${name}]`);

/** A wide element that moves sideways within itself, also by the keyboard. */
export const scrolling = (label, ...children) =>
  html("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, children);

/** A state as a shape and a word. */
export const state = (well, word) => html("span", { class: `state ${well ? "well" : "ill"}` }, word);

/** A table from headings and rows of texts or elements; columns in `numbers` stand to the right. */
export function table(headings, rows, numbers = [], caption = "") {
  const align = (column) => (numbers.includes(column) ? "number" : null);
  return html(
    "table",
    {},
    caption ? html("caption", { class: "unseen" }, caption) : null,
    html("thead", {}, html("tr", {}, headings.map((text, n) => html("th", { scope: "col", class: align(n) }, text)))),
    html(
      "tbody",
      {},
      rows.map((row) =>
        html("tr", {}, row.map((cell, n) => html(n ? "td" : "th", { scope: n ? null : "row", class: align(n) }, cell))),
      ),
    ),
  );
}
