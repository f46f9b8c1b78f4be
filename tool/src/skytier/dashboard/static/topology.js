// The stack as a picture: clients, then tier after tier, each machine with what runs on it.
import { svg, table, state, html } from "./element.js";
import { human } from "./format.js";
import { arrange } from "./layout.js";

const MACHINE_FIGURES = [["cpu_percent", "CPU"], ["memory_percent", "memory"], ["disk_percent", "disk"]];
const PART_FIGURES = {
  haproxy: [["balancer_servers", "web servers"], ["balancer_connections", "connections"]],
  nginx: [["nginx_requests_per_s", ""], ["nginx_connections", "connections"]],
  application: [["requests_in_progress", "in hand"]],
  postgresql: [["database_connections", "connections"], ["replication_lag_s", "behind"]],
  redis: [["redis_memory_bytes", ""], ["redis_clients", "clients"]],
};
const CHARACTER = 7.4;

/** `CPU 12% · memory 40%`: what there are figures of. Three tiers have no room for parts of a percent. */
function told(wanted, values, units) {
  const shown = (value, unit) => human(unit === "%" ? Math.round(value) : value, unit);
  return wanted
    .filter(([id]) => values?.[id] !== undefined)
    .map(([id, word]) => `${word ? `${word} ` : ""}${shown(values[id], units.get(id))}`)
    .join(" · ");
}

/** Draws the stack into `place` as wide as that is; nothing while it has no width, as before the page is laid out. */
export function drawTopology(place, stack, figures, units) {
  if (!place.clientWidth) return;
  const picture = arrange(stack, place.clientWidth);
  const marked = (kind, well) => `${kind} ${well ? "" : "ill"}`;
  const cut = (text, width) => {
    const most = Math.floor(width / CHARACTER);
    return text.length > most ? `${text.slice(0, most - 1)}…` : text;
  };
  const text = (x, y, kind, said, width) => {
    const shown = cut(said, width);
    return svg("text", { x, y, class: kind }, shown === said ? null : svg("title", {}, said), shown);
  };
  const mark = (x, y, well) =>
    well
      ? svg("circle", { cx: x + 5, cy: y, r: 5, class: "well mark" })
      : svg("rect", { x, y: y - 5, width: 10, height: 10, class: "ill mark" });
  const clients = picture.clients;
  const drawn = svg(
    "svg",
    { viewBox: `0 0 ${picture.width} ${picture.height}`, height: picture.height, role: "img", "aria-label": inWords(stack) },
    svg("defs", {}, svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, svg("path", { d: "M0 0 8 4 0 8z", class: "arrow" }))),
    picture.edges.map(({ path, what }) => svg("path", { d: path, class: `edge ${what}`, "marker-end": "url(#arrow)" }, svg("title", {}, what))),
    svg("rect", { x: clients.x, y: clients.y, width: clients.width, height: clients.height, rx: clients.height / 2, class: "part" }),
    text(clients.x + 20, clients.y + 22, "name", "Clients", clients.width),
    text(clients.x + 20, clients.y + 40, "small", told([["requests_per_s", ""]], figures?.stack, units), clients.width - 30),
    picture.machines.map(({ machine, x, y, width, height, parts }) => [
      svg("rect", { x, y, width, height, rx: 8, class: marked("machine", machine.healthy) }),
      mark(x + 14, y + 20, machine.healthy),
      text(x + 32, y + 25, "name", machine.name, width - 40),
      text(x + 14, y + 45, "small", told(MACHINE_FIGURES, figures?.machines[machine.name], units), width - 10),
      parts.map(({ part, ...at }) => [
        svg("rect", { x: at.x, y: at.y, width: at.width, height: at.height, rx: 6, class: marked("part", part.running) }),
        mark(at.x + 12, at.y + 18, part.running),
        text(at.x + 30, at.y + 23, "", part.title, at.width - 40),
        part.running
          ? text(at.x + 30, at.y + 41, "small", told(PART_FIGURES[part.name] ?? [], figures?.machines[machine.name], units), at.width - 20)
          : text(at.x + 30, at.y + 41, "small ill", part.detail || "stopped", at.width - 20),
      ]),
    ]),
  );
  place.replaceChildren(drawn);
}

function inWords({ machines, healthy }) {
  if (!machines.length) return "Picture of the stack: it has no machine yet.";
  const ill = machines.filter((machine) => !machine.healthy).map(({ name }) => name);
  const said = machines.map(({ name, parts }) => `${name} with ${parts.map((part) => part.title).join(" and ") || "nothing to show"}`);
  const health = healthy ? "All is healthy." : `Not healthy: ${ill.join(", ") || "the front door"}.`;
  return `Picture of the stack: clients, then ${said.join(", then ")}. ${health}`;
}

/** The same as a table, with every check. */
export function topologyTable(stack, figures, units) {
  const rows = stack.machines.flatMap((machine) =>
    [...machine.parts, ...machine.others].map((service) => [
      machine.name,
      service.title,
      state(service.running, service.running ? "well" : "not well"),
      service.detail,
      told(PART_FIGURES[service.name] ?? [], figures?.machines[machine.name], units),
    ]),
  );
  return table(["Machine", "Service or check", "State", "Detail", "Figures"], rows);
}

/** Headlines: what one looks for first. */
export function headlines(place, figures, units) {
  const wanted = [
    ["requests_per_s", "Requests"],
    ["latency_p99_s", "Latency, 99 of 100"],
    ["error_percent", "Errors (5xx)"],
  ];
  const items = wanted.map(([id, title]) => [title, human(figures?.stack[id], units.get(id))]);
  const machines = Object.entries(figures?.machines ?? {});
  const busiest = machines.filter(([, values]) => "cpu_percent" in values).sort(([, a], [, b]) => b.cpu_percent - a.cpu_percent)[0];
  items.push([busiest && machines.length > 1 ? `Busiest processor: ${busiest[0]}` : "Processor", human(busiest?.[1].cpu_percent, "%")]);
  place.replaceChildren(...items.map(([title, value]) => html("div", {}, html("dt", {}, title), html("dd", {}, value))));
}
