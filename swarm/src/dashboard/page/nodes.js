// Owns the table of nodes, and how a node or a worker is named wherever one is.

import { age, brief, bytes, confirm, count, find, make, mark, percent, span, toast, write } from "./dom.js";
import { change_it, colour, label, on, sorted, state } from "./live.js";

/** A node's name, with its colour. Who is no member any more has none. */
export function chip(node) {
  const known = state.nodes.has(node);
  return make("span", { class: known ? "chip" : "chip gone", "--hue": colour(node), title: node }, make("i", { "aria-hidden": "true" }), label(node));
}

/** A worker's name, which leads to its page. */
export const link = (name) => make("a", { href: `#/worker?name=${encodeURIComponent(name)}`, class: "name" }, name);

export const WORDS = { up: "up", drained: "drained", leaving: "leaving", idle: "owns nothing yet", silent: "silent" };

const COLUMNS = [
  ["node", "Node", ""],
  ["state", "State", ""],
  ["owns", "Partitions", "num"],
  ["workers", "Workers", "num"],
  ["calls", "Calls/s", "num"],
  ["cpu", "CPU", "num"],
  ["memory_bytes", "Memory", "num"],
  ["p99_ns", "p99", "num"],
  ["swarm", "Version", ""],
  ["began_unix_ms", "Up", "num"],
];

const table = find("nodes");
const order = { by: "node", down: false };
const rows = new Map();
const still = matchMedia("(prefers-reduced-motion: reduce)");
let chosen;

const head = make("tr", {}, COLUMNS.map(([key, title, kind]) =>
  make("th", { scope: "col", class: kind, "data-key": key }, make("button", { type: "button", onclick: () => sort(key) }, title))),
  make("th", { scope: "col" }, make("span", { class: "unseen" }, "What can be done")));
const body = make("tbody");
table.append(make("thead", {}, head), body);

function sort(key) {
  order.down = order.by === key ? !order.down : !["node", "state", "swarm"].includes(key);
  order.by = key;
  draw();
}

const calls = (node) => node.calls + node.received;

/** The cells of a node, which stay while it is there. */
function row(node) {
  const cells = Object.fromEntries(COLUMNS.map(([key, title, kind]) =>
    [key, make("td", { class: kind, "data-label": key === "node" ? undefined : title })]));
  const name = chip(node);
  cells.node.append(make("span", {}, name));
  cells.state.append(make("span", { class: "state" }));
  cells.owns.append(make("span"), make("span", { class: "meter", "aria-hidden": "true" }, make("i")));
  const button = make("button", { type: "button", class: "small", onclick: () => drain(node) });
  const element = make("tr", { "data-node": node }, Object.values(cells), make("td", { class: "act num" }, button));
  return { element, cells, name, button };
}

function fill({ element, cells, name, button }, node) {
  name.style.setProperty("--hue", colour(node.node));
  write(name.lastChild, label(node.node));
  const badge = cells.node.querySelector(".badge");
  if (node.here && !badge) cells.node.append(make("span", { class: "badge" }, "shows this"));
  const said = cells.state.firstChild;
  mark(said, "data-state", node.state);
  write(said, WORDS[node.state] ?? node.state);
  const share = state.owners.length ? node.owns / state.owners.length : 0;
  write(cells.owns.firstChild, `${count(node.owns)} · ${percent(share)}`);
  const most = Math.max(...[...state.nodes.values()].map((other) => other.owns), 1);
  cells.owns.lastChild.style.setProperty("--part", (node.owns / most).toFixed(3));
  cells.owns.lastChild.style.setProperty("--hue", colour(node.node));
  write(cells.workers, count(node.workers));
  write(cells.calls, brief(calls(node)));
  write(cells.cpu, node.known ? `${node.cpu} %` : "–");
  write(cells.memory_bytes, bytes(node.memory_bytes));
  write(cells.p99_ns, span(node.p99_ns));
  write(cells.swarm, node.swarm || "–");
  write(cells.began_unix_ms, node.began_unix_ms ? age(Date.now() - node.began_unix_ms) : "–");
  const takes = node.state === "drained";
  write(button, takes ? "Undrain" : "Drain");
  mark(button, "aria-label", `${takes ? "Undrain" : "Drain"} ${node.node}`);
  button.hidden = !state.changes;
  button.disabled = node.leaving;
  mark(element, "aria-current", chosen === node.node);
}

function draw() {
  const view = table.closest("section[data-view]");
  if (view.hidden) return;
  const text = find("node-find").value.trim().toLowerCase();
  const list = sorted().map((node) => state.nodes.get(node));
  const { by, down } = order;
  const shown = (node) => (by === "calls" ? calls(node) : node[by]);
  if (by !== "node") list.sort((a, b) => (shown(a) < shown(b) ? -1 : shown(a) > shown(b) ? 1 : 0));
  if (down) list.reverse();
  const wanted = list.filter((node) => !text || `${node.node} ${WORDS[node.state]} ${node.swarm}`.toLowerCase().includes(text));
  for (const [node, kept] of rows) {
    if (!wanted.some((other) => other.node === node)) {
      kept.element.remove();
      rows.delete(node);
    }
  }
  // While somebody is about to press something in one of them they stay where they are.
  const held = body.matches(":hover, :focus-within");
  let before = null;
  for (const node of wanted.reverse()) {
    let kept = rows.get(node.node);
    if (!kept) rows.set(node.node, kept = row(node.node));
    fill(kept, node);
    if (!kept.element.parentNode || (!held && kept.element.nextSibling !== before)) body.insertBefore(kept.element, before);
    before = kept.element;
  }
  for (const cell of head.children) {
    mark(cell, "aria-sort", cell.dataset.key === by && (down ? "descending" : "ascending"));
  }
  write(find("nodes-title"), `Nodes (${wanted.length === list.length ? list.length : `${wanted.length} of ${list.length}`})`);
}

/** Shows which row belongs to a node that was pointed at in the ring. */
export function choose(node) {
  chosen = node;
  draw();
  rows.get(node)?.element.scrollIntoView({ block: "nearest", behavior: still.matches ? "instant" : "smooth" });
}

async function drain(node) {
  const known = state.nodes.get(node);
  const drained = known.state !== "drained";
  const meant = drained
    ? await confirm(`Drain ${label(node)}?`, `Its ${count(known.workers)} workers move to other nodes with their state, and ${node} stays a member that owns nothing.`, "Drain")
    : await confirm(`Undrain ${label(node)}?`, `${node} takes its share of the ring again, and workers move to it.`, "Undrain");
  if (!meant) return;
  try {
    await change_it("/api/drain", { node, drained });
    toast(drained ? `${label(node)} is being drained` : `${label(node)} takes workers again`);
  } catch (error) {
    toast(error.message, true);
  }
}

find("node-find").addEventListener("input", draw);
on("whole", draw);
on("change", draw);
on("theme", draw);
addEventListener("shown", draw);
