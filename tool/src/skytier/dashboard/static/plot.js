// The lines of a chart on its canvas, and the releases across them.
import { human, tick } from "./format.js";
import { dash, ink, LINES } from "./inks.js";

export const HEIGHT = 170;
const BINARY = Array.from({ length: 48 }, (_, power) => 2 ** power);
const together = uPlot.sync("charts");
const FONT = `12px ${getComputedStyle(document.documentElement).fontFamily}`;
const TRIANGLE = 4;

/** The room that an axis needs for its longest label. */
const widthOf = (_, labels) => Math.max(0, ...(labels ?? []).map((label) => String(label ?? "").length)) * 6.6 + 16;

const faint = (colour) => colour.replace("rgb(", "rgba(").replace(")", ", .1)");

/** From 0; a percentage that comes near the top has all of it. */
function bounds(unit, high) {
  if (high === null || high <= 0) return [0, 1];
  return [0, unit === "%" && high > 60 && high <= 100 ? 100 : high * 1.12];
}

/** Values without a neighbour make no line: they are drawn as points. */
function alone(values) {
  const is = (index) => values[index] !== null && values[index] !== undefined;
  return values.flatMap((_, index) => (is(index) && !is(index - 1) && !is(index + 1) ? [index] : []));
}

function line(name, index, hidden, only) {
  return {
    label: name,
    show: !hidden,
    stroke: () => ink[index % LINES],
    fill: only ? () => faint(ink[index % LINES]) : undefined,
    dash: dash(index),
    width: 1.75,
    points: { show: true, size: 4, fill: () => ink[index % LINES], filter: (self, series) => alone(self.data[series]) },
  };
}

/** Releases are thin lines with a head, over the whole height. */
function drawMarks({ ctx, bbox, valToPos, scales }, marks) {
  const size = TRIANGLE * devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = ink.mark;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { at } of marks) {
    if (at < scales.x.min || at > scales.x.max) continue;
    const x = Math.round(valToPos(at, "x", true));
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x - size, bbox.top - size);
    ctx.lineTo(x + size, bbox.top - size);
    ctx.lineTo(x, bbox.top + size);
    ctx.fill();
  }
  ctx.restore();
}

/**
 * Draws `data` (columns: moments, then one for each of `lines`: [name, colour, hidden]) into `place`.
 * `marks()` are the releases; `look(index)` hears where the pointer is, `zoom(from, to)` what was dragged over.
 */
export function plot(place, unit, lines, data, { marks, look, zoom }) {
  const axis = { stroke: () => ink.text, ticks: { show: false }, font: FONT };
  const selected = (self) => {
    const { left, width } = self.select;
    if (width < 8) return;
    self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    zoom(self.posToVal(left, "x"), self.posToVal(left + width, "x"));
  };
  return new uPlot(
    {
      width: Math.max(place.clientWidth, 120),
      height: HEIGHT,
      padding: [10, 30, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        sync: { key: together.key, setSeries: false },
        points: { size: 7 },
        drag: { x: true, y: false, setScale: false },
      },
      scales: { x: { time: true, auto: false }, y: { range: (_, low, high) => bounds(unit, high) } },
      axes: [
        {
          ...axis,
          grid: { show: false },
          space: 70,
          size: 26,
          values: ({ scales }, times) => times.map((at) => tick(at, scales.x.max - scales.x.min)),
        },
        {
          ...axis,
          grid: { stroke: () => ink.line, width: 1 },
          size: widthOf,
          space: 34,
          incrs: unit.startsWith("B") ? BINARY : undefined,
          values: (_, values) => values.map((value) => human(value, unit === "a month" ? "" : unit)),
        },
      ],
      series: [{}, ...lines.map(([name, index, hidden]) => line(name, index, hidden, lines.length === 1))],
      hooks: {
        draw: [(self) => drawMarks(self, marks())],
        setCursor: [(self) => look(self.cursor.idx ?? null)],
        setSelect: [selected],
      },
    },
    data,
    place,
  );
}
