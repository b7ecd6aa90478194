// Owns the picture of the ring: what flies in it, and when it is drawn. Never draws when nothing moves; how it looks is `paint`'s.

import { brief, count, find, mark, percent } from "./dom.js";
import { colour, label, on, sorted, state } from "./live.js";
import { choose, WORDS } from "./nodes.js";
import { arrange, arcs, at, Painter } from "./paint.js";

const FLIGHT_MS = 1100;
const SPARK_MS = 1400;
const SPARKS_MAX = 260;
const NOBODY = 65535;

const canvas = find("ring");
const hint = find("hint");
const painter = new Painter(canvas);
const still = matchMedia("(prefers-reduced-motion: reduce)");

let order = "owner";
/** Where each partition is, and where it flies from: [angle, radius] by partition, and since when. */
let places = [];
let flights = new Map();
let sparks = [];
let arcsNow = [];
let frame = 0;
let drawn = 0;

function owner(partition) {
  const number = state.owners[partition];
  return number === NOBODY ? undefined : state.roll[number];
}

/** Finds the places anew, and lets fly what has another. */
function settle(animate) {
  const nodes = sorted();
  const before = places;
  arcsNow = arcs(nodes, state.nodes, state.owners.length);
  places = arrange(order, arcsNow, state.owners.length, owner);
  painter.plan(nodes, state.nodes, arcsNow);
  if (animate && !still.matches && before.length === places.length) {
    const now = performance.now();
    const flying = new Map();
    for (let partition = 0; partition < places.length; partition += 1) {
      const from = before[partition];
      const to = places[partition];
      if (from.colour === to.colour && Math.abs(from.angle - to.angle) < 0.0005 && from.lane === to.lane) {
        const kept = flights.get(partition);
        if (kept && kept.since + kept.wait + FLIGHT_MS > now) flying.set(partition, kept);
        continue;
      }
      // Who is about to land starts again from where it is.
      const known = flights.get(partition);
      const start = known ? at(known, before[partition], Math.min(1, Math.max(0, (now - known.since - known.wait) / FLIGHT_MS))) : from;
      flying.set(partition, { ...start, since: now, wait: Math.random() * 500, far: from.node !== to.node });
    }
    flights = flying;
  } else {
    flights = new Map();
  }
  wake();
}

/** Workers that have moved leave sparks. */
function shoot(flows) {
  const angle = (node) => arcsNow.find((arc) => arc.node === node)?.middle;
  const now = performance.now();
  for (const flow of flows) {
    const [from, to] = [angle(flow.from), angle(flow.to)];
    if (from === undefined || to === undefined) continue;
    const many = Math.min(Math.ceil(Math.sqrt(flow.count) * 2), 24, SPARKS_MAX - sparks.length);
    for (let n = 0; n < many; n += 1) {
      sparks.push({
        from: from + (Math.random() - 0.5) * 0.12, to: to + (Math.random() - 0.5) * 0.12,
        bend: 0.1 + Math.random() * 0.35, since: now + Math.random() * 900, colour: colour(flow.to),
      });
    }
  }
  wake();
}

function wake() {
  if (!frame) frame = requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  const now = performance.now();
  if (canvas.closest("section[data-view]").hidden) {
    flights.clear();
    sparks = [];
    return;
  }
  for (const [partition, flight] of flights) if (now > flight.since + flight.wait + FLIGHT_MS) flights.delete(partition);
  sparks = sparks.filter((spark) => now < spark.since + SPARK_MS);
  const part = (flight) => Math.min(1, Math.max(0, (now - flight.since - flight.wait) / FLIGHT_MS));
  painter.draw(places, flights, part, sparks.map((spark) => ({
    ...spark, part: still.matches ? 0.5 : (now - spark.since) / SPARK_MS,
  })), still.matches, pointed);
  drawn += 1;
  if (flights.size || (sparks.length && !still.matches)) wake();
  else if (sparks.length) setTimeout(wake, 300);
}

/** How often it was drawn: for tests and measurements. */
globalThis.framesDrawn = () => drawn;

// --- what is pointed at

let pointed;

function under(event) {
  const box = canvas.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  const radius = Math.hypot(x, y) / (box.width / 2);
  if (radius < 0.45 || radius > 1.02) return undefined;
  const place = painter.partition(places, Math.atan2(y, x), radius);
  const angle = (Math.atan2(y, x) + Math.PI * 2.5) % (Math.PI * 2);
  const node = place?.node ?? (order === "owner" ? arcsNow.find((arc) => angle >= arc.begin && angle <= arc.end)?.node : undefined);
  return node && { node, partition: place?.partition, x: event.clientX - box.left, y: event.clientY - box.top, width: box.width };
}

canvas.addEventListener("pointermove", (event) => {
  const found = under(event);
  if (found?.node !== pointed) {
    pointed = found?.node;
    wake();
  }
  hint.hidden = !found;
  canvas.style.cursor = found ? "pointer" : "";
  if (!found) return;
  const node = state.nodes.get(found.node);
  if (!node) return;
  hint.textContent = [
    node.node, `${WORDS[node.state]} · ${percent(node.owns / Math.max(1, state.owners.length))} of the ring`,
    `${count(node.workers)} workers · ${count(node.calls + node.received)} calls/s`, found.partition !== undefined && `partition ${found.partition}`,
  ].filter(Boolean).join("\n");
  const left = found.x > found.width / 2 ? found.x - hint.offsetWidth - 14 : found.x + 16;
  hint.style.transform = `translate(${Math.max(0, left)}px, ${found.y + 12}px)`;
});
function unpoint() {
  pointed = undefined;
  hint.hidden = true;
  wake();
}

canvas.addEventListener("pointerleave", unpoint);
addEventListener("keydown", (event) => { if (event.key === "Escape") unpoint(); });
canvas.addEventListener("click", (event) => {
  const found = under(event);
  if (found) choose(found.node);
});

for (const button of document.querySelectorAll("[data-order]")) {
  button.addEventListener("click", () => {
    order = button.dataset.order;
    for (const other of document.querySelectorAll("[data-order]")) mark(other, "aria-pressed", other === button);
    settle(true);
  });
}

function say() {
  const parts = sorted().slice(0, 12).map((node) => {
    const known = state.nodes.get(node);
    return `${label(node)} owns ${percent(known.owns / Math.max(1, state.owners.length))}`;
  });
  const more = state.nodes.size > 12 ? `, and ${state.nodes.size - 12} more` : "";
  mark(canvas, "aria-label", `Ring of ${state.owners.length} partitions on ${state.nodes.size} nodes: ${parts.join(", ")}${more}`);
}

// --- calls and casts of the last two minutes

const traffic = find("traffic");

function plot() {
  painter.plot(traffic, state.traffic);
  const [calls, casts] = [0, 1].map((which) => state.traffic.map((row) => row[which]));
  const words = (what, rows) => `${brief(rows.at(-1) ?? 0)} ${what} now, ${brief(Math.max(0, ...rows))} at most`;
  mark(traffic, "aria-label", `In a second of the last two minutes: ${words("calls", calls)}; ${words("casts", casts)}`);
}

on("whole", () => { settle(false); say(); plot(); });
on("change", (told) => {
  if (told.owners || told.gone || told.roll) settle(true);
  else if (told.nodes) {
    painter.plan(sorted(), state.nodes, arcsNow);
    wake();
  }
  if (told.flows) shoot(told.flows);
  say();
  plot();
});
on("theme", () => { settle(false); plot(); });
addEventListener("shown", () => { wake(); plot(); });
new ResizeObserver(() => { painter.size(); wake(); }).observe(canvas);
