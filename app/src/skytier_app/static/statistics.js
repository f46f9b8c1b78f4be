// Charts: posts a day from the page's own table, and the machine live from /api/stats.
import { isOffline, notice, request, text } from "./api.js";

const EVERY_MS = 5000;
const HALF_DAY = 43200;
const KEPT = 120; // ten minutes of samples
// Posts are counted in whole numbers, and so is their axis.
const WHOLE = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat();
const BINARY = Array.from({ length: 40 }, (_, power) => 2 ** power);
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const MOMENT = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

const style = getComputedStyle(document.documentElement);
const charts = [];
let ink = inks();

function inks() {
  // A custom property may hold light-dark(), which only a real property resolves.
  const probe = document.createElement("span");
  document.body.append(probe);
  const resolve = (name) => {
    probe.className = name;
    return getComputedStyle(probe).color;
  };
  const found = {
    accent: resolve("ink-accent"),
    second: resolve("ink-second"),
    text: resolve("ink-quiet"),
    line: resolve("ink-line"),
  };
  probe.remove();
  return found;
}

/** The room that an axis needs for its longest label. */
function widthOf(_, labels) {
  return Math.max(0, ...(labels ?? []).map((label) => String(label ?? "").length)) * 7 + 14;
}

function draw(place, height, series, data, options = {}) {
  // As functions, since a chosen theme changes them later.
  const axis = {
    stroke: () => ink.text,
    grid: { stroke: () => ink.line, width: 1 },
    ticks: { show: false },
    font: `12px ${style.fontFamily}`,
  };
  const time = options.bars ? DAY : MOMENT;
  const chart = new uPlot(
    {
      width: place.clientWidth,
      height,
      padding: [8, options.bars ? 0 : 24, 0, 0],
      cursor: { show: false },
      legend: { show: series.length > 1, live: false },
      scales: {
        // A bar stands around its moment: half of one more fits at each end.
        x: options.bars ? { range: (_, first, last) => [first - HALF_DAY, last + HALF_DAY] } : {},
        y: { range: (_, low, high) => [0, options.top ?? (high || 1) * 1.1] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          space: 80,
          size: 30,
          values: (_, moments) => moments.map((moment) => time.format(moment * 1000)),
        },
        { ...axis, size: widthOf, incrs: options.steps, values: options.values },
      ],
      series: [
        {},
        ...series.map((label, index) => ({
          label,
          stroke: () => (index ? ink.second : ink.accent),
          fill: options.bars && (() => ink.accent),
          width: options.bars ? 0 : 1.5,
          paths: options.bars && uPlot.paths.bars({ size: [0.7, 40] }),
          points: { show: false },
        })),
      ],
      tzDate: options.bars && ((moment) => uPlot.tzDate(new Date(moment * 1000), "Etc/UTC")),
    },
    data,
    place,
  );
  charts.push({ chart, place, height });
  return chart;
}

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

const place = (name) => document.querySelector(`[data-chart=${name}]`);

function drawPostsPerDay() {
  const rows = [...document.querySelectorAll("[data-per-day] tbody tr")];
  const days = rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
  const posts = rows.map((row) => Number(row.cells[1].textContent));
  draw(place("per-day"), 220, [text("statistics.posts")], [days, posts], { bars: true, steps: WHOLE });
}

const percent = (_, values) => values.map((value) => `${value} %`);
const perSecond = (_, values) => values.map((value) => `${bytes(value)}/s`);

function machineCharts() {
  // What the server has kept, so that nobody waits before an empty chart.
  const samples = JSON.parse(document.getElementById("samples").textContent);
  const [at, cpu, memory, disk, received, sent] = samples;
  const share = { top: 100, values: percent };
  const rate = { values: perSecond, steps: BINARY };
  const names = [text("statistics.received"), text("statistics.sent")];
  return {
    cpu: draw(place("cpu"), 130, ["%"], [at, cpu], share),
    memory: draw(place("memory"), 130, ["%"], [at, memory], share),
    disk: draw(place("disk"), 130, ["%"], [at, disk], share),
    network: draw(place("network"), 130, names, [at, received, sent], rate),
  };
}

function add(chart, at, ...values) {
  const data = chart.data.map((row, index) => [...row, index ? values[index - 1] : at].slice(-KEPT));
  chart.setData(data);
}

function show({ users, posts, pool, machine }, drawn) {
  const number = new Intl.NumberFormat();
  const of = (part) =>
    text("statistics.of", { used: bytes(part.used_bytes), total: bytes(part.total_bytes) });
  const shown = {
    users: number.format(users),
    posts: number.format(posts),
    cpu: `${Math.round(machine.cpu.percent)} %`,
    memory: of(machine.memory),
    disk: of(machine.disk),
    connections: text("statistics.connections_value", pool),
  };
  for (const [name, value] of Object.entries(shown)) {
    const element = document.querySelector(`[data-value=${name}]`);
    if (element) element.textContent = value;
  }
  const at = Date.parse(machine.sampled_at) / 1000;
  if (at <= (drawn.cpu.data[0].at(-1) ?? 0)) return; // another worker's, or no new one yet
  add(drawn.cpu, at, machine.cpu.percent);
  add(drawn.memory, at, machine.memory.percent);
  add(drawn.disk, at, machine.disk.percent);
  const { received_bytes_per_s: received, sent_bytes_per_s: sent } = machine.network;
  add(drawn.network, at, received, sent);
}

async function follow(drawn) {
  if (!document.hidden) {
    try {
      const { body } = await request("GET", "/api/stats");
      if (body.machine) show(body, drawn);
      notice("");
    } catch (problem) {
      notice(isOffline(problem) || problem.status === 503 ? text("script.offline") : problem.message);
    }
  }
  setTimeout(() => follow(drawn), EVERY_MS);
}

// The library's script is deferred and so has run: modules come after it.
for (const element of document.querySelectorAll("[data-live]")) element.hidden = false;
drawPostsPerDay();
new ResizeObserver(() => {
  for (const { chart, place, height } of charts) {
    chart.setSize({ width: place.clientWidth, height });
  }
}).observe(document.querySelector("main"));
follow(machineCharts());

function repaint() {
  ink = inks();
  for (const { chart } of charts) chart.redraw();
}
document.addEventListener("themechange", repaint);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
