// Owns the log: what has happened, in words. Never says by colour alone how bad it is.

import { count, find, make, mark, time, write } from "./dom.js";
import { on, sorted, state } from "./live.js";
import { chip, link } from "./nodes.js";

const FEED_MAX = 40;
const LOG_MAX = 500;
const PAUSE_MS = 1500;

const WHAT = {
  node_up: ["nodes", "good", "+", (e) => [chip(e.node), " has joined"]],
  node_leaving: ["nodes", "warn", "↗", (e) => [chip(e.node), " is leaving"]],
  node_down: ["nodes", "bad", "✕", (e) => [chip(e.node), e.why === "left" ? " has left" : ` is gone: ${GONE[e.why] ?? e.why}`]],
  quorum_gained: ["nodes", "good", "✓", (e) => [chip(e.by), " has a quorum"]],
  quorum_lost: ["trouble", "bad", "!", (e) => [chip(e.by), " has lost its quorum, and runs nothing"]],
  started: ["moves", "", "▸", (e) => [link(e.name), " runs on ", chip(e.by)]],
  moved: ["moves", "", "→", (e) => [link(e.name), " has moved from ", chip(e.by), " to ", chip(e.to)]],
  restarted: ["trouble", "warn", "↻", (e) => [link(e.name), ` was started again: ${e.why}`]],
  failed_over: ["trouble", "warn", "↷", (e) => [link(e.name), " was started again on ", chip(e.by), " after its node was lost"]],
  conflict: ["trouble", "warn", "⇄", (e) => [link(e.name), " was there twice after a split, and is one again"]],
  ended: ["moves", "", "■", (e) => [link(e.name), ` has ended: ${e.why}`]],
  missed: ["trouble", "warn", "…", (e) => [chip(e.by), ` has missed ${count(e.count)} of its events`]],
};

const GONE = { silent: "it fell silent", refused: "its process has ended", replaced: "another took its place" };

/** A line of the log. */
export function line(event) {
  const [, tone, sign, words] = WHAT[event.event] ?? ["", "", "·", (e) => [e.event]];
  return make("li", { "data-tone": tone || undefined },
    make("b", { "aria-hidden": "true" }, sign), time(event.at_unix_ms), make("span", {}, words(event)));
}

const kind = (event) => WHAT[event.event]?.[0] ?? "";

/** What all nodes saw is told once. */
function unique(events) {
  const seen = new Map();
  return events.filter((event) => {
    if (!event.event?.startsWith("node_")) return true;
    const key = `${event.event} ${event.node}`;
    const last = seen.get(key);
    seen.set(key, event.at_unix_ms);
    return last === undefined || event.at_unix_ms - last > 10_000;
  });
}

const feed = find("feed");

/** What many workers have in common, the gravest first: who moves is also started. */
const MANY = {
  failed_over: (n, e) => [`${count(n)} workers were started again after their node was lost, `, link(e.name), " the last"],
  moved: (n, e) => [`${count(n)} workers have moved, `, link(e.name), " the last, to ", chip(e.to)],
  started: (n, e) => [`${count(n)} workers run, `, link(e.name), " the last, on ", chip(e.by)],
};

/** Many such ones after the other, the newest first, are one line. Whoever is at one of them is not to lose it. */
function short() {
  if (feed.contains(document.activeElement)) return;
  const lines = [];
  const events = unique(state.events).reverse();
  for (let n = 0; n < events.length && lines.length < FEED_MAX; ) {
    let end = n;
    while (end < events.length && MANY[events[end].event] && events[Math.max(n, end - 1)].at_unix_ms - events[end].at_unix_ms < PAUSE_MS) end += 1;
    const run = events.slice(n, Math.max(end, n + 1));
    n += run.length;
    if (run.length > 3) {
      const what = Object.keys(MANY).find((key) => run.some((event) => event.event === key));
      const same = run.filter((event) => event.event === what);
      const element = line(same[0]);
      if (same.length > 1) element.lastElementChild.replaceChildren(...MANY[what](same.length, same[0]));
      lines.push(element);
    } else {
      lines.push(...run.map(line));
    }
  }
  feed.replaceChildren(...lines);
}

// --- the page of all events

const form = find("event-form").elements;
const log = find("log");
const note = find("event-note");

function long(asked) {
  if (log.closest("section").hidden || log.contains(document.activeElement)) return;
  const text = form.text.value.toLowerCase();
  const wanted = (event) => (!form.what.value || kind(event) === form.what.value)
    && (!text || JSON.stringify(event).toLowerCase().includes(text));
  const found = unique(state.events).filter(wanted);
  log.replaceChildren(...found.slice(-LOG_MAX).reverse().map(line));
  // It is read aloud to who has asked for others, and not whenever something happens.
  mark(note, "aria-live", asked ? "polite" : "off");
  write(note, `${count(found.length)} of the last ${count(state.events.length)}, as ${sorted().length} nodes have told them`);
}

find("event-form").addEventListener("submit", (event) => event.preventDefault());
find("event-form").addEventListener("input", () => long(true));

// --- what is read aloud: nodes that come and go, and what goes wrong, one line at a time

function announce(events) {
  const words = unique(events ?? []).filter((event) => kind(event) === "nodes").slice(-2)
    .map((event) => line(event).lastElementChild.textContent);
  if (words.length) write(find("announce"), words.join(". "));
}

on("whole", () => { short(); long(); });
on("change", (told) => {
  if (!told.events) return;
  if (!feed.closest("section[data-view]").hidden) short();
  long();
  announce(told.events);
});
addEventListener("shown", ({ detail }) => {
  if (detail === "overview") short();
  if (detail === "events") long();
});
