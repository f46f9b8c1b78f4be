// The page: asks the command for everything again and again, and shows what it says.
import { ask } from "./api.js";
import { Chart } from "./chart.js";
import { html, part, state, svg } from "./element.js";
import { onThemeChange, themeButton } from "./inks.js";
import { showAlerts, showCost, showReleases } from "./lists.js";
import { Range } from "./range.js";
import { drawTopology, headlines, topologyTable } from "./topology.js";

const EVERY_MS = { figures: 15_000, stack: 30_000, cost: 600_000 };
const units = new Map();
const charts = new Map();
const groups = [];
let topology = null;
let figures = null;
let round = 0;

// What could not be had, by what it is about. A question that is answered again takes its own back.
const troubles = new Map();

function trouble(about, problem) {
  if (problem) troubles.set(about, problem);
  else troubles.delete(about);
  const place = document.getElementById("trouble");
  // The same cause stops several questions, and is told once.
  const told = new Map([...troubles.values()].map((each) => [each.message, each]));
  const key = [...told.keys()].join("\n");
  if (place.dataset.told === key) return;
  place.dataset.told = key;
  place.hidden = !told.size;
  place.replaceChildren(
    ...[...told.values()].map((each) => html("p", {}, html("strong", {}, each.message), " ", each.todo ?? "")),
    html("p", { class: "quiet" }, "It is tried again every few seconds."),
  );
}

/** Ask, show, and tell when it did not work. Returns whether it did. */
async function follow(about, path, parameters, show) {
  try {
    show(await ask(path, parameters));
    trouble(about, null);
    return true;
  } catch (problem) {
    if (!("status" in problem)) throw problem;
    trouble(about, problem);
    return false;
  }
}

function every(ms, refresh) {
  const again = async () => {
    try {
      if (!document.hidden) await refresh();
    } finally {
      setTimeout(again, ms);
    }
  };
  return again();
}

function showStack() {
  if (!topology) return;
  drawTopology(part("topology"), topology, figures, units);
  part("topology-table").replaceChildren(topologyTable(topology, figures, units));
  const { name, cloud, url, healthy } = topology;
  document.getElementById("stack-title").textContent = name;
  document.title = `${healthy ? "" : "Not healthy: "}${name} · Skytier`;
  const health = document.querySelector(".health");
  const said = `${healthy}${url}`;
  if (health.dataset.said === said) return;
  health.dataset.said = said;
  const where = cloud ? `on ${cloud}` : "on this machine";
  health.replaceChildren(state(healthy, healthy ? "healthy" : "not healthy"), `, ${where}`, url ? ", at " : "", url ? html("a", { href: url, rel: "noreferrer" }, url) : "");
}

const refreshStack = () =>
  follow("stack", "topology", {}, (found) => {
    topology = found;
    showStack();
  });

async function refreshFigures() {
  const had = await follow("figures", "figures", {}, (found) => {
    figures = found;
  });
  if (!had) figures = null;
  headlines(part("headlines"), figures, units);
  showStack();
  if (!(await follow("alerts", "alerts", {}, showAlerts))) {
    part("alerts-summary").textContent = "Alerts could not be asked for.";
  }
}

function skyline(values) {
  const bars = 48;
  const size = values.length / bars;
  const heights = Array.from({ length: bars }, (_, bar) => Math.max(0, ...values.slice(Math.floor(bar * size), Math.max(Math.floor(bar * size) + 1, Math.floor((bar + 1) * size)))));
  const most = Math.max(...heights) || 1;
  document.querySelector(".skyline").replaceChildren(
    ...heights.map((height, bar) => svg("rect", { x: bar * 10, width: 8, y: 23 - (height / most) * 21, height: (height / most) * 21 + 1 })),
  );
}

/** All charts anew. A round that another has overtaken shows nothing any more. */
async function refreshCharts() {
  const mine = ++round;
  await follow("releases", "releases", range.parameters, (found) => {
    if (mine !== round) return;
    showReleases(found);
    for (const chart of charts.values()) chart.mark(found.releases);
  });
  const had = await Promise.all(
    [...charts.values()].map(async (chart) => {
      const well = await follow(chart.about.id, `charts/${chart.about.id}`, range.parameters, (found) => {
        if (mine !== round) return;
        chart.update(found);
        if (chart.about.id === "requests_per_s") skyline(found.series[0]?.values ?? []);
      });
      if (!well && mine === round) chart.stale();
      return well;
    }),
  );
  if (mine !== round) return;
  for (const group of groups) group.tell();
  if (had.some(Boolean)) range.refreshed();
}

/** A heading with its charts; those that nothing was measured for are named, and take no room. */
class Group {
  constructor(name, made) {
    this.charts = made;
    this.grid = html("div", { class: "charts" }, made.map(({ figure }) => figure));
    this.without = html("p", { class: "quiet" });
    this.section = html("section", {}, html("h3", {}, name), this.grid, this.without);
  }

  tell() {
    const empty = this.charts.filter((chart) => chart.isEmpty).map(({ about }) => about.title);
    this.without.textContent = empty.length ? `Nothing was measured in this time: ${empty.join(", ")}.` : "";
    this.grid.hidden = empty.length === this.charts.length;
  }
}

function layCharts(catalogue) {
  const zoom = (from, to) => range.zoom(from, to);
  for (const { name, charts: abouts } of catalogue) {
    for (const about of abouts) {
      units.set(about.id, about.unit);
      charts.set(about.id, new Chart(about, zoom));
    }
    groups.push(new Group(name, abouts.map(({ id }) => charts.get(id))));
  }
  part("charts").replaceChildren(...groups.map(({ section }) => section));
}

themeButton(document.querySelector("[data-action=theme]"));
const range = new Range(part("range"), refreshCharts);

/** The catalogue comes first: without it there is nothing to ask for. */
async function begin() {
  if (!(await follow("catalogue", "catalogue", {}, ({ groups: found }) => layCharts(found)))) {
    setTimeout(begin, 5000);
    return;
  }
  new ResizeObserver(() => {
    for (const chart of charts.values()) chart.resize();
    showStack();
  }).observe(document.getElementById("content"));
  onThemeChange(() => charts.forEach((chart) => chart.repaint()));
  every(EVERY_MS.stack, refreshStack);
  every(EVERY_MS.figures, refreshFigures);
  every(EVERY_MS.cost, () => follow("cost", "cost", {}, showCost));
  await refreshCharts();
  setInterval(() => (range.live || troubles.size) && !document.hidden && refreshCharts(), EVERY_MS.figures);
}

begin();
