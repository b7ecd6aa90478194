// Owns the page of one worker: where it is and why, where it has been, how it does. Asks again while it is shown.

import { confirm, count, find, make, span, time, toast, write } from "./dom.js";
import { ask, change_it, colour, label, resting, sorted, state } from "./live.js";
import { chip } from "./nodes.js";
import { title } from "./workers.js";

const AGAIN_MS = 1500;

const sheet = find("worker");
let name;
let timer;
let last = "";

/** Shows this worker, or none any more. */
export function show(which) {
  clearTimeout(timer);
  if (which !== name) {
    last = "";
    sheet.replaceChildren();
  }
  name = which;
  if (name === undefined) return;
  write(find("worker-title"), name);
  look();
}

async function look() {
  const asked = name;
  try {
    const told = await ask("/api/worker", { name });
    if (asked !== name) return;
    draw(told);
  } catch (error) {
    if (asked !== name) return;
    last = "";
    sheet.replaceChildren(make("p", { class: "card" }, error.message));
  }
  again();
}

function again() {
  timer = setTimeout(() => (resting() ? again() : look()), AGAIN_MS);
}

function draw(told) {
  const text = JSON.stringify([told, sorted(), state.changes]);
  if (text === last) return;
  last = text;
  const cards = [where(told.worker), how(told.worker), homes(told), latencies(told.worker)];
  const shown = [...(sheet.firstChild?.children ?? [])];
  if (!shown.length) sheet.replaceChildren(make("div", { class: "sheet" }, cards));
  shown.forEach((card, n) => {
    // Whoever is about to press or to choose something is not to lose it.
    if (card.contains(document.activeElement)) card.querySelector("dl")?.replaceWith(cards[n].querySelector("dl"));
    else card.replaceWith(cards[n]);
  });
}

const card = (heading, ...inside) => make("section", { class: "card" }, make("h2", {}, heading), ...inside);

const facts = (pairs) => make("dl", { class: "facts" },
  pairs.filter(Boolean).flatMap(([term, ...what]) => [make("dt", {}, term), make("dd", {}, ...what)]));

function where({ at }) {
  const spread = (nodes) => nodes.flatMap((node) => [chip(node), " "]);
  const shown = card("Where it is",
    facts([
      ["Node", chip(at.node)], ["Why", at.why], ["Type", at.kind], ["Owner", chip(at.owner), ` of partition ${at.partition}`],
      ["Copies", ...(at.replicas.length ? spread(at.replicas) : ["none"])],
      ["Epoch", make("span", { class: "name" }, at.epoch)], ["Registered by", chip(at.registered_by)],
      at.groups.length && ["Groups", at.groups.map(({ group, key }) => title(group, key)).join(", ")],
    ]));
  if (state.changes) shown.append(moving(at));
  return shown;
}

function moving(at) {
  const to = make("select", {}, sorted().filter((node) => node !== at.node).map((node) => make("option", { value: node }, label(node))));
  const go = async (node) => {
    const place = node ? label(node) : "where the ring wants it";
    if (!(await confirm("Move this worker?", `${at.name} moves to ${place} with its state. Calls meanwhile wait.`, "Move it"))) return;
    try {
      await change_it("/api/move", { name: at.name, node });
      toast(`${at.name} moves to ${place}`);
    } catch (error) {
      toast(error.message, true);
    }
    clearTimeout(timer);
    look();
  };
  return make("div", { class: "row" },
    make("label", {}, "Move it to", to),
    make("button", { type: "button", id: "move", disabled: !to.options.length, onclick: () => go(to.value) }, "Move"),
    make("button", { type: "button", onclick: () => go(null) }, "Take it home"));
}

function how(worker) {
  if (!worker.answered) return card("How it does", make("p", { class: "quiet" }, "Its node does not say, or has it no more."));
  return card("How it does", facts([
    ["State", worker.state], ["In hand", worker.busy ? "a message" : "nothing"], ["Waiting", `${count(worker.queue)} messages`],
    ["Panics", `${count(worker.panics)} since it came to its node`], ["Stays", worker.pinned ? "yes, it wants to (Handoff::Ignore)" : "no, it goes where it is wanted"],
    ["Cells", at_rest(worker.at.cells)],
    worker.timers.length && ["Timers", worker.timers.map((timer) => `${timer.message} in ${span(timer.due_in_ms * 1e6)}`).join(", ")],
  ]));
}

const at_rest = (cells) => (cells > 1 ? `${cells}: it moves, or there was a split` : String(cells));

/** What is known of a worker's life, in words and as a strip in the colours of its homes. */
function homes({ worker, history, without }) {
  const stays = [];
  for (const event of history) {
    if (event.event === "started") stays.push({ node: event.by, from: event.at_unix_ms });
  }
  if (stays.at(-1)?.node !== worker.at.node) stays.push({ node: worker.at.node, from: history.at(-1)?.at_unix_ms ?? Date.now() });
  stays.forEach((stay, n) => { stay.until = stays[n + 1]?.from ?? Date.now(); });
  const strip = stays.map((stay) =>
    make("i", { "--hue": colour(stay.node), "--span": Math.max(1, Math.round(Math.sqrt(stay.until - stay.from))), title: stay.node }));
  const shown = card("Where it has been", make("div", { class: "homes", "aria-hidden": "true" }, strip));
  shown.classList.add("all");
  const words = {
    started: (e) => ["began on ", chip(e.by), ` (epoch ${e.epoch})`], moved: (e) => ["left ", chip(e.by), " for ", chip(e.to)],
    restarted: (e) => ["was started again on ", chip(e.by), `: ${e.why}`], failed_over: (e) => ["was started again on ", chip(e.by), " after its node was lost"],
    conflict: (e) => ["was there twice, and is one again on ", chip(e.by)], ended: (e) => ["ended on ", chip(e.by), `: ${e.why}`],
  };
  const lines = history.slice(-60).reverse().map((event) =>
    make("li", { "--hue": colour(event.to ?? event.by) }, time(event.at_unix_ms), ...(words[event.event]?.(event) ?? [event.event])));
  shown.append(lines.length ? make("ol", { class: "path" }, lines) : make("p", { class: "quiet" }, "No node remembers more of it: each keeps its last 4,096 events."));
  if (without.length) {
    shown.append(make("p", { class: "quiet" }, `${count(without.length)} of the nodes write nothing down, since they serve neither operators nor a dashboard.`));
  }
  return shown;
}

function latencies(worker) {
  const timed = worker.methods.filter((method) => method.times);
  const shown = card("How long its type's handlers take, on this node");
  shown.classList.add("all");
  if (!worker.methods.length) return shown.append(make("p", { class: "quiet" }, "It has none.")), shown;
  const most = Math.max(1e6, ...timed.map((method) => method.times.max_ns));
  // From a hundred nanoseconds to the longest, each step ten times the one before.
  const part = (ns) => (Math.log10(Math.max(ns, 100)) - 2) / (Math.log10(most) - 2);
  const rows = worker.methods.map(({ message, cast, quick, times }) => make("tr", {},
    make("td", { class: "name" }, message),
    make("td", { "data-label": "Kind" }, cast ? "cast" : "call", quick ? " · quick" : ""),
    make("td", { "data-label": "Timed", class: "num" }, times ? count(times.count) : "–"),
    make("td", { "data-label": "Median", class: "num" }, span(times?.p50_ns)),
    make("td", { "data-label": "p99", class: "num" }, span(times?.p99_ns)),
    make("td", { "data-label": "Longest", class: "num" }, span(times?.max_ns)),
    make("td", {}, times && make("div", { class: "span", "aria-hidden": "true" },
      make("i", { "--from": part(times.p50_ns).toFixed(3), "--to": part(times.p99_ns).toFixed(3) })))));
  const head = ["Message", "Kind", "Timed", "Median", "p99", "Longest", "Median to p99"].map((text, n) =>
    make("th", { scope: "col", class: n > 1 && n < 6 ? "num" : "" }, text));
  shown.append(make("div", { class: "wide", tabindex: 0, role: "group", "aria-label": "Times" }, make("table", { class: "stacked", "aria-label": "Times of handlers" }, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows))));
  return shown;
}
