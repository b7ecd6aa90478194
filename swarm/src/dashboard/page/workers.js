// Owns the table of workers and of groups: what is searched for, and the pages that have come. Never holds more rows than were asked for.

import { count, find, make, toast, write } from "./dom.js";
import { ask, label, on, sorted, state } from "./live.js";
import { chip, link } from "./nodes.js";

const form = find("search");
const rows = find("rows");
const more = find("more");
const heading = find("workers-title");
let next;
let asked = 0;
let wait;

/** Takes over what the address says is searched for. Who comes back from a worker's page is taken to where it stands. */
export function show(options, left) {
  fill();
  // Whoever comes back finds what was searched for; a link says all of it.
  if (Object.keys(options).length) form.reset();
  for (const name of ["prefix", "kind", "node"]) if (options[name] !== undefined) choose(form.elements[name], options[name]);
  const group = options.group && JSON.stringify([options.group, options.key ?? ""]);
  if (group) choose(form.elements.group, group, title(options.group, options.key ?? ""));
  search(undefined, left);
}

function choose(field, value, text = value) {
  if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) field.append(new Option(text, value));
  field.value = value;
}

/** What may be chosen among. */
function fill() {
  choices(form.elements.kind, state.kinds.map(([kind, workers]) => [kind, `${kind} (${count(workers)})`]));
  choices(form.elements.node, sorted().map((node) => [node, label(node)]));
}

function choices(field, pairs) {
  const known = [...field.options].slice(1).map((option) => option.value + option.text).join();
  if (known === pairs.flatMap(([value, text]) => value + text).join()) return;
  const value = field.value;
  field.replaceChildren(field.options[0], ...pairs.map(([each, text]) => new Option(text, each)));
  if (value) choose(field, value);
}

function query() {
  const fields = form.elements;
  const [group, key] = fields.group.value ? JSON.parse(fields.group.value) : [];
  return { prefix: fields.prefix.value, kind: fields.kind.value, node: fields.node.value, group, key };
}

async function search(after, left) {
  const turn = asked += 1;
  try {
    const page = await ask("/api/workers", { ...query(), after });
    if (turn !== asked) return;
    if (!after) rows.replaceChildren();
    const found = page.workers.map(row);
    rows.append(...found);
    next = page.next;
    if (left && document.activeElement === heading) found.find((row) => row.firstChild.textContent === left)?.querySelector("a").focus();
    if (document.activeElement === more) found[0]?.querySelector("a").focus();
    more.hidden = !next;
    const many = rows.children.length;
    write(find("found"), many === 0 ? "No worker is like that." : `${next ? "The first " : ""}${count(many)} ${many === 1 ? "worker" : "workers"}${next ? ", in the order of their names" : ""}`);
  } catch (error) {
    if (turn !== asked) return;
    if (!after) rows.replaceChildren();
    more.hidden = true;
    write(find("found"), error.message);
  }
}

const row = (worker) => make("tr", {},
  make("td", { class: "name" }, link(worker.name)),
  make("td", { "data-label": "Type" }, worker.kind),
  make("td", { "data-label": "Node" }, chip(worker.node)),
  make("td", { "data-label": "Epoch", class: "name quiet" }, worker.epoch));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
form.addEventListener("input", () => {
  clearTimeout(wait);
  wait = setTimeout(search, 180);
});
more.addEventListener("click", () => search(next));
on("change", (told) => { if ((told.kinds || told.gone || told.roll) && !form.closest("section").hidden) fill(); });

// --- groups: nodes tell each other fingerprints of their names, so a name is known here once somebody has written it

const KEPT = "swarm-group-names";
const names = JSON.parse(localStorage.getItem(KEPT) ?? "{}");

/** A group by its name if that is known, with its key. */
export function title(group, key) {
  const name = names[group] ?? `group ${group}`;
  return key ? `${name} / ${key}` : name;
}

/** Shows the groups. */
export async function groups(name = "") {
  try {
    const told = await ask("/api/groups", { name });
    if (told.meant && told.groups.some((row) => row.group === told.meant)) {
      names[told.meant] = name;
      localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(Object.entries(names).slice(-200))));
    }
    const list = told.groups.sort((a, b) => (b.group === told.meant) - (a.group === told.meant));
    find("group-rows").replaceChildren(...list.map((row) => {
      const options = new URLSearchParams({ group: row.group, key: row.key });
      return make("tr", { "aria-current": row.group === told.meant && "true" },
        make("td", { class: "name" }, make("a", { href: `#/workers?${options}` }, names[row.group] ?? row.group)),
        make("td", { "data-label": "Key", class: "name" }, row.key || "–"),
        make("td", { "data-label": "Members", class: "num" }, count(row.members)),
        make("td", { "data-label": "Nodes", class: "num" }, count(row.nodes)));
    }));
    const found = name && !told.groups.some((row) => row.group === told.meant) ? `No worker is in a group called ${name}. ` : "";
    write(find("group-note"), `${found}${told.more ? `The largest ${told.groups.length}` : count(told.groups.length)} groups. `
      + "Nodes know groups by fingerprints of their names: write a name, and it is shown from then on.");
    const field = form.elements.group;
    choices(field, list.map((row) => [JSON.stringify([row.group, row.key]), title(row.group, row.key)]));
  } catch (error) {
    toast(error.message, true);
  }
}

find("group-form").addEventListener("submit", (event) => {
  event.preventDefault();
  groups(event.target.elements.name.value.trim());
});
form.elements.group.addEventListener("focus", () => groups(), { once: true });
