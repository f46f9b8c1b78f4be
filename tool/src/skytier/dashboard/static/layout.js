// Where everything of the topology picture stands: tiers side by side, or below each other where it is narrow.

const NARROW = 680;
const HEAD = 58; // of a machine: its name and its figures
const PART = 52;
const BETWEEN = 20;
const PADDING = 10;
const CLIENTS = { width: 150, height: 52 };

const heightOf = ({ parts }) => HEAD + parts.length * PART + Math.max(0, parts.length - 1) * BETWEEN + (parts.length ? PADDING : 0);

/** {width, height, clients, machines: [{machine, x, y, width, height, parts}], edges: [{path, what}]} */
export function arrange(stack, width) {
  const narrow = width < NARROW;
  const tiers = Map.groupBy ? [...Map.groupBy(stack.machines, ({ tier }) => tier).values()] : grouped(stack.machines);
  const picture = narrow ? below(tiers, width) : beside(tiers, width);
  return { width, ...picture, edges: edges(stack.edges, picture, narrow) };
}

function grouped(machines) {
  const tiers = [];
  for (const machine of machines) (tiers[machine.tier] ??= []).push(machine);
  return tiers.filter(Boolean);
}

function box(machine, x, y, width) {
  const parts = machine.parts.map((part, index) => ({
    part,
    x: x + PADDING,
    y: y + HEAD + index * (PART + BETWEEN),
    width: width - 2 * PADDING,
    height: PART,
  }));
  return { machine, x, y, width, height: heightOf(machine), parts };
}

/** A machine that has everything: its parts stand side by side. */
function alone(machine, width) {
  const gap = Math.min(90, Math.max(40, width * 0.06));
  const x = CLIENTS.width + gap;
  const room = width - x - 2 - 2 * PADDING;
  const between = Math.min(60, room * 0.06);
  const count = machine.parts.length || 1;
  const size = (room - (count - 1) * between) / count;
  const parts = machine.parts.map((part, index) => ({
    part,
    x: x + PADDING + index * (size + between),
    y: 2 + HEAD,
    width: size,
    height: PART,
  }));
  const placed = { machine, x, y: 2, width: width - x - 2, height: HEAD + PART + PADDING, parts };
  return { height: placed.height + (machine.parts.length > 3 ? 30 : 4), clients: { ...CLIENTS, x: 0, y: 2 + HEAD }, machines: [placed] };
}

function beside(tiers, width) {
  const all = tiers.flat();
  if (all.length === 1 && all[0].parts.length) return alone(all[0], width);
  const gap = Math.min(90, Math.max(40, width * 0.06));
  const column = Math.min(340, (width - CLIENTS.width - tiers.length * gap - 40) / tiers.length);
  const heights = tiers.map((tier) => tier.reduce((sum, machine) => sum + heightOf(machine) + BETWEEN, -BETWEEN));
  const height = Math.max(...heights, CLIENTS.height) + 4;
  const machines = tiers.flatMap((tier, index) => {
    const x = CLIENTS.width + gap + index * (column + gap);
    let y = 2 + (height - 4 - heights[index]) / 2;
    return tier.map((machine) => {
      const placed = box(machine, x, y, column);
      y += placed.height + BETWEEN;
      return placed;
    });
  });
  // Level with the first part of the first machine, which clients come to.
  const door = machines[0]?.parts[0];
  const y = door ? door.y + (PART - CLIENTS.height) / 2 : (height - CLIENTS.height) / 2;
  return { height, clients: { ...CLIENTS, x: 0, y }, machines };
}

function below(tiers, width) {
  const x = 34;
  let y = CLIENTS.height + 26;
  const machines = tiers.flat().map((machine) => {
    const placed = box(machine, x, y, width - x - 2);
    y += placed.height + BETWEEN;
    return placed;
  });
  return { height: y, clients: { ...CLIENTS, x, y: 2 }, machines };
}

function edges(wanted, { clients, machines }, narrow) {
  const places = new Map([["clients", { ...clients, machine: "" }]]);
  for (const { machine, parts } of machines) {
    for (const at of parts) places.set(`${machine.name}/${at.part.name}`, { ...at, machine: machine.name });
  }
  return wanted
    .map(({ from, to, what }) => ({ from: places.get(from), to: places.get(to), what }))
    .filter(({ from, to }) => from && to)
    .map(({ from, to, what }) => ({ what, path: path(from, to, narrow) }));
}

function path(from, to, narrow) {
  const start = from.y + from.height / 2;
  const end = to.y + to.height / 2;
  if (from.machine === to.machine && from.machine) return within(from, to);
  // Along the left side, past what stands between them.
  if (narrow) return `M${from.x} ${start}C${from.x - 44} ${start} ${from.x - 44} ${end} ${to.x - 1} ${end}`;
  if (from.x === to.x) {
    const x = from.x + from.width;
    return `M${x} ${start}C${x + 50} ${start} ${x + 50} ${end} ${x + 1} ${end}`;
  }
  const middle = (from.x + from.width + to.x) / 2;
  return `M${from.x + from.width} ${start}C${middle} ${start} ${middle} ${end} ${to.x - 1} ${end}`;
}

/** Between two parts of one machine; past those that stand between them. */
function within(from, to) {
  const [x, y] = [from.x + from.width / 2, from.y + from.height / 2];
  if (from.y === to.y) {
    if (to.x - from.x < 1.5 * from.width) return `M${from.x + from.width} ${y}H${to.x - 1}`;
    const [bottom, end] = [from.y + from.height, to.x + to.width / 2];
    return `M${x} ${bottom}C${x} ${bottom + 32} ${end} ${bottom + 32} ${end} ${bottom + 1}`;
  }
  if (to.y - from.y < 2 * from.height) return `M${x} ${from.y + from.height}V${to.y - 1}`;
  const [right, end] = [from.x + from.width, to.y + to.height / 2];
  return `M${right} ${y}C${right + 32} ${y} ${right + 32} ${end} ${right + 1} ${end}`;
}
