// Owns what the node tells as it happens, and how it is asked for more. Keeps no more than what can be shown.

const EVENTS_MAX = 1000;
const TRAFFIC_MAX = 120;
const NOBODY = 65535;

/** What is known now. */
export const state = {
  cluster: "", here: "", version: "", changes: false,
  nodes: new Map(), roll: [], owners: new Uint16Array(0), kinds: [], totals: {}, events: [], traffic: [],
};

const listeners = {};

/** Has `then` called for each `whole`, `change` or `status`. */
export function on(what, then) {
  (listeners[what] ??= []).push(then);
}

function tell(what, ...more) {
  for (const then of listeners[what] ?? []) {
    // One part of the page that fails takes no other along.
    try {
      then(...more);
    } catch (error) {
      reportError(error);
    }
  }
}

let source;
let retry;
let paused = false;

/** Whether nothing is to change: nobody looks, or who does has said so. */
export const resting = () => document.hidden || paused;

/** Listens, unless nothing is to change; goes on when it is again. */
export function begin() {
  document.addEventListener("visibilitychange", listen);
  listen();
}

/** From now on nothing changes, or all does again. */
export function pause(whether) {
  paused = whether;
  listen();
}

const listen = () => (resting() ? stop() : start());

function stop() {
  clearTimeout(retry);
  source?.close();
  source = undefined;
}

function start() {
  stop();
  source = new EventSource("/api/live");
  source.addEventListener("whole", (event) => whole(JSON.parse(event.data)));
  source.addEventListener("change", (event) => change(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    stop();
    tell("status", "lost");
    // The node may have gone, or nobody may be logged in any more.
    retry = setTimeout(async () => {
      try {
        const answer = await fetch("/api/workers?count=1");
        if (answer.status === 401) location.href = "/login";
      } catch { /* It is not there yet. */ }
      listen();
    }, 1500);
  });
}

function whole(told) {
  Object.assign(state, {
    cluster: told.cluster, here: told.here, version: told.version, changes: told.changes,
    nodes: new Map(told.nodes.map((node) => [node.node, node])),
    roll: told.roll, owners: Uint16Array.from(told.owners), kinds: told.kinds, totals: told.totals, events: told.events,
  });
  number();
  tell("status", "live");
  tell("whole");
}

function change(told) {
  for (const node of told.gone ?? []) state.nodes.delete(node);
  for (const node of told.nodes ?? []) state.nodes.set(node.node, node);
  state.roll.push(...(told.roll ?? []));
  number();
  if (told.owners) {
    const last = Math.max(...told.owners.map(([partition]) => partition));
    if (last >= state.owners.length) {
      const longer = new Uint16Array(last + 1).fill(NOBODY);
      longer.set(state.owners);
      state.owners = longer;
    }
    for (const [partition, owner] of told.owners) state.owners[partition] = owner;
  }
  if (told.kinds) state.kinds = told.kinds;
  if (told.totals) {
    state.totals = told.totals;
    state.traffic.push([told.totals.calls, told.totals.casts]);
    if (state.traffic.length > TRAFFIC_MAX) state.traffic.shift();
  }
  if (told.events) state.events = state.events.concat(told.events).slice(-EVENTS_MAX);
  tell("status", "live");
  tell("change", told);
}

// --- nodes as they are named and coloured

const slots = new Map();
let hosts = 0;

const address = (node) => node.split("#")[0];

/** Gives each node a place among the colours that no other has, and keeps it as long as the node is there. */
function number() {
  hosts = new Set([...state.nodes.keys()].map((node) => node.slice(0, address(node).lastIndexOf(":")))).size;
  for (const node of slots.keys()) if (!state.nodes.has(node)) slots.delete(node);
  const taken = new Set(slots.values());
  let next = 0;
  for (const node of sorted()) {
    if (slots.has(node)) continue;
    while (taken.has(next)) next += 1;
    taken.add(next);
    slots.set(node, next);
  }
}

const order = new Intl.Collator("en", { numeric: true });

/** The ids of all nodes. */
export const sorted = () => [...state.nodes.keys()].sort(order.compare);

const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => tell("theme"));

/** The colour of a node. Neighbours among them are far from each other, and rounds differ in lightness; each stands out from the ground (3:1). */
export function colour(node) {
  const at = slots.get(node);
  if (at === undefined) return dark.matches ? "#647280" : "#7d8890";
  const hue = (172 + at * 137.508) % 360;
  const light = (dark.matches ? [0.74, 0.62, 0.83] : [0.6, 0.5, 0.4])[Math.floor(at / 8) % 3];
  return `oklch(${light} 0.135 ${hue.toFixed(1)})`;
}

/** A node's address without what all have in common. */
export function label(node) {
  const addr = address(node);
  return hosts > 1 || !state.nodes.has(node) ? addr : addr.slice(addr.lastIndexOf(":"));
}

// --- questions

/** Asks for something. */
export async function ask(path, options = {}) {
  const query = new URLSearchParams(Object.entries(options).filter(([, value]) => value));
  return answered(await fetch(query.size ? `${path}?${query}` : path));
}

/** Changes something. */
export async function change_it(path, body) {
  const headers = { "Content-Type": "application/json", "X-Swarm-Dashboard": "1" };
  return answered(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

async function answered(answer) {
  if (answer.status === 401) location.href = "/login";
  if (answer.status === 204) return {};
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.error ?? `the node answers ${answer.status}`);
  return told;
}
