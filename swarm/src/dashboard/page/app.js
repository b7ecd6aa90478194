// Owns the page as a whole: which part of it is shown, and what stands above all of them.

import { brief, count, find, mark, toast, write } from "./dom.js";
import { begin, change_it, on, pause, resting, state } from "./live.js";
import "./events.js";
import "./nodes.js";
import "./ring.js";
import * as worker from "./worker.js";
import * as workers from "./workers.js";

const views = [...document.querySelectorAll("[data-view]")];
const links = [...document.querySelectorAll("[data-page]")];

/** The part that the address names, and what it is about. */
function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const options = Object.fromEntries(new URLSearchParams(query));
  if (path === "worker") return ["worker", options];
  return views.some((view) => view.dataset.view === path) ? [path, options] : ["overview", options];
}

let shown;

function show() {
  const [page, options] = place();
  const [last, name] = shown ?? [];
  const current = views.find((view) => view.dataset.view === page);
  for (const view of views) view.hidden = view !== current;
  const above = page === "worker" ? "workers" : page;
  for (const link of links) mark(link, "aria-current", link.dataset.page === above && "page");
  worker.show(page === "worker" ? options.name : undefined);
  if (page === "workers") workers.show(options, last === "worker" ? name : undefined);
  if (page === "groups") workers.groups();
  document.title = [page === "worker" && options.name, page !== "overview" && page !== "worker" && title(page), state.cluster, "Swarm"]
    .filter(Boolean).join(" · ");
  if (shown && (last !== page || name !== options.name)) {
    scrollTo(0, 0);
    current.querySelector("h1").focus({ preventScroll: true });
  }
  shown = [page, options.name];
  dispatchEvent(new CustomEvent("shown", { detail: page }));
}

const title = (page) => page[0].toUpperCase() + page.slice(1);

addEventListener("hashchange", show);

// Not by the address, which says what is shown.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  find("content").focus();
});

// --- how the node is heard

const pulse = find("pulse");
let heard = performance.now();

function status(what) {
  if (what === "live") heard = performance.now();
  pulse.dataset.state = what;
  write(pulse.lastElementChild, { live: "live", lost: "connection lost", late: "no news", paused: "paused", waiting: "connecting" }[what]);
}

on("status", status);
find("pause").addEventListener("click", () => {
  pause(!resting());
  write(find("pause"), resting() ? "Go on" : "Pause");
  status(resting() ? "paused" : "waiting");
});
setInterval(() => {
  if (pulse.dataset.state === "live" && performance.now() - heard > 5000) status("late");
}, 1000);

// --- figures of the cluster

const tiles = Object.fromEntries([...document.querySelectorAll("[data-tile]")].map((tile) => [tile.dataset.tile, tile]));

function figures() {
  const { totals, nodes } = state;
  write(tiles.workers, count(totals.workers));
  write(tiles.nodes, count(nodes.size));
  write(tiles.calls, brief(totals.calls));
  write(tiles.casts, brief(totals.casts));
  write(tiles.moving, count(totals.moving));
  write(tiles.short, count(totals.under_replicated));
  mark(tiles.short, "data-tone", totals.under_replicated > 0 && "warn");
  write(find("hub-count"), count(totals.workers));
  write(find("hub-unit"), `${totals.workers === 1 ? "worker" : "workers"} on ${nodes.size} ${nodes.size === 1 ? "node" : "nodes"}`);
}

on("whole", () => {
  write(find("cluster"), state.cluster);
  find("logout").hidden = !state.changes;
  figures();
  show();
});
on("change", figures);

find("logout").addEventListener("click", async () => {
  try {
    await change_it("/api/logout", {});
    location.href = "/login";
  } catch (error) {
    toast(error.message, true);
  }
});

show();
begin();
