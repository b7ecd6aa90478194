// Owns how elements are made and numbers are written. Text of others only ever becomes text: nothing here reads markup.

/** What some browsers no longer take tables and lists for where the style shows them as something else. */
const ROLES = { table: "table", thead: "rowgroup", tbody: "rowgroup", tr: "row", th: "columnheader", td: "cell", ol: "list" };

const TOAST_MS = 6000;
const TOASTS_MAX = 4;

/** An element with attributes and what is in it: elements, or texts. `on…` are listeners, `--…` are properties for the style. */
export function make(tag, attributes = {}, ...inside) {
  const element = document.createElement(tag);
  if (ROLES[tag]) element.setAttribute("role", ROLES[tag]);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...inside.flat().filter((part) => part !== undefined && part !== null && part !== false));
  return element;
}

export const find = (id) => document.getElementById(id);

/** Sets a text if it is another one, so that nothing is drawn anew, or read aloud, for nothing. */
export function write(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

/** Sets an attribute, or takes it away, if it is another one. */
export function mark(element, name, value) {
  if (value === undefined || value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (number) => whole.format(number ?? 0);

export const brief = (number) => (number < 10_000 ? whole.format(number ?? 0) : short.format(number));

/** A time as long as these nanoseconds. */
export function span(ns) {
  if (!ns) return "–";
  for (const [size, unit] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]) {
    if (ns >= size) return `${(ns / size).toPrecision(ns / size >= 100 ? 3 : 2).replace(/\.0$/, "")} ${unit}`;
  }
  return `${ns} ns`;
}

/** A time that has gone by. */
export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

export function bytes(number) {
  if (!number) return "–";
  const mib = number / 1048576;
  return mib >= 1024 ? `${(mib / 1024).toFixed(1)} GiB` : `${Math.round(mib)} MiB`;
}

export const percent = (part) => `${(part * 100).toFixed(part < 0.1 && part > 0 ? 1 : 0)} %`;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export const time = (unixMs) =>
  make("time", { datetime: new Date(unixMs).toISOString(), title: new Date(unixMs).toLocaleString() }, clock.format(unixMs));

new ResizeObserver(([{ contentRect }]) => document.documentElement.style.setProperty("--told", `${contentRect.height}px`)).observe(find("toasts"));

/** Says something to who looks, and to who listens. What is bad interrupts, and stays until it is dismissed. */
export function toast(text, bad = false) {
  const told = make("div", { class: bad ? "toast bad" : "toast" }, make("span", {}, text));
  const dismiss = () => {
    told.remove();
    find("content").focus({ preventScroll: true });
  };
  if (bad) told.append(make("button", { type: "button", class: "small", onclick: dismiss }, "Dismiss"));
  else setTimeout(() => told.remove(), TOAST_MS);
  const place = find(bad ? "warned" : "told");
  place.append(told);
  if (place.children.length > TOASTS_MAX) place.firstChild.remove();
}

/** Asks whether it is meant. */
export function confirm(title, text, yes) {
  const dialog = find("ask");
  find("ask-title").textContent = title;
  find("ask-text").textContent = text;
  find("ask-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}
