// Visits a dashboard as those do who do not see it, or have no mouse: by what the browser tells screen readers, by the keyboard alone, and by the
// rules of axe-core (WCAG 2.2 AA). What is not as it should be ends it with an error.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { DESKTOP, PHONE, base, more, picture, row, run, visit } from "./browser.mjs";

const [drained] = more;
const axe = readFileSync(join(process.env.PACKAGES, "axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const NODES = 5;

/** What breaks a rule on the page as it is: any, or that of contrast, for which another scheme is another page. */
async function broken(page, colorScheme) {
  const all = { runOnly: { type: "tag", values: RULES }, rules: { "target-size": { enabled: true } } };
  await page.evaluate(axe);
  const { violations } = await page.evaluate((options) => globalThis.axe.run(options), colorScheme === "light" ? all : { runOnly: ["color-contrast"] });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
}

/** What the browser tells screen readers: all that is of one of these roles, with what is in it. */
async function told(page, ...roles) {
  const cdp = await page.context().newCDPSession(page);
  const { nodes } = await cdp.send("Accessibility.getFullAXTree");
  await cdp.detach();
  const known = new Map(nodes.map((node) => [node.nodeId, node]));
  const inside = (node) => [node, ...(node.childIds ?? []).flatMap((id) => (known.has(id) ? inside(known.get(id)) : []))];
  return nodes.filter((node) => !node.ignored && roles.includes(node.role.value)).map((node) => {
    const all = inside(node).filter((part) => !part.ignored);
    const count = (role) => all.filter((part) => part.role.value === role).length;
    return { role: node.role.value, name: node.name?.value ?? "", count, text: all.map((part) => part.name?.value ?? "").join(" ") };
  });
}

/** There is one table, called so, with as many rows below its headers. */
async function table(page, name, headers, rows) {
  const tables = await told(page, "table");
  assert.deepEqual(tables.map((table) => table.name), [name]);
  const [{ count }] = tables;
  assert.deepEqual([count("columnheader"), count("row"), count("cell")], [headers, rows + 1, headers * rows], `what is told of ${name}`);
  // This browser goes by what they are; others go by how they are shown, unless each says its role itself.
  const mute = await page.$$eval("table, thead, tbody, tr, th, td, ol", (parts) => parts.filter((part) => !part.role).map((part) => part.outerHTML.slice(0, 100)));
  assert.deepEqual(mute, []);
}

/** Each part of the page: where it is, when it is there, and its table. */
const PARTS = [
  ["", `#nodes tbody tr:nth-child(${NODES})`, `Nodes (${NODES})`, 11, NODES],
  ["workers?prefix=acct/000", "#rows tr:nth-child(10)", "Workers", 4, 10],
  ["groups", "#group-rows tr", "Groups", 4, 1],
  ["events", "#log li"],
  ["worker?name=acct/0001", "#worker .path li", "Times of handlers", 7, 2],
];

/** What is wrong with how what is focused is shown, if something is. */
const hidden = (page) => page.evaluate(() => {
  const at = document.activeElement;
  const box = at.getClientRects()[0];
  const name = at.outerHTML.slice(0, 100);
  if (!box) return `${name} is not there`;
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  if (outlineStyle === "none" || parseFloat(outlineWidth) < 2) return `nothing shows that ${name} is focused`;
  const middle = (from, to, most) => (Math.max(from, 0) + Math.min(to, most)) / 2;
  const over = document.elementFromPoint(middle(box.left, box.right, innerWidth), middle(box.top, box.bottom, innerHeight));
  return at.contains(over) || over?.contains(at) ? undefined : `${name} is behind ${over?.outerHTML.slice(0, 100)}`;
});

const focused = (page, selector) => page.waitForFunction((selector) => document.activeElement.matches(selector), selector);

/** Goes on by a key until this is focused. All that is on the way can be seen. */
async function go(page, selector, key = "Tab") {
  for (let steps = 0; steps < 300; steps += 1) {
    await page.keyboard.press(key);
    if (await page.evaluate(() => document.activeElement === document.body)) continue;
    assert.equal(await hidden(page), undefined);
    if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
  }
  assert.fail(`${key} does not lead to ${selector}`);
}

const back = (page, selector) => go(page, selector, "Shift+Tab");

/** Says yes to the question that has been asked. */
async function confirm(page) {
  await focused(page, "#ask button[value=no]");
  const [question] = await told(page, "dialog");
  assert.ok(question.name.endsWith("?"), question.name);
  await go(page, "#ask-yes");
  await page.keyboard.press("Enter");
}

/** Finds a worker, moves it, comes back, drains a node. Nothing is touched or pointed at. */
async function byKeyboard(page) {
  await go(page, ".skip");
  await page.keyboard.press("Enter");
  await focused(page, "main");
  await back(page, "nav [data-page=workers]");
  await page.keyboard.press("Enter");
  await focused(page, "#workers-title");
  await back(page, ".skip");
  await page.keyboard.press("Enter");
  await focused(page, "main");
  assert.equal(await page.evaluate(() => location.hash), "#/workers", "to the content is to what is shown");

  await go(page, "[name=prefix]");
  await page.keyboard.type("acct/0042");
  await page.waitForFunction(() => document.getElementById("found").textContent === "1 worker");
  await go(page, "#rows a");
  await page.keyboard.press("Enter");
  await focused(page, "#worker-title");
  assert.equal(await page.textContent("#worker-title"), "acct/0042");
  await go(page, "#move");
  await page.keyboard.press("Enter");
  await confirm(page);
  await page.waitForSelector("#told .toast");
  await page.waitForFunction(() => document.querySelector(".path")?.textContent.includes("left"));
  await focused(page, "#move");
  await back(page, 'main a[href="#/workers"]');
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.textContent === "acct/0042");

  await back(page, "nav [data-page=overview]");
  await page.keyboard.press("Enter");
  await focused(page, "h1");
  await go(page, "[data-key=calls] button");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[data-key=calls][aria-sort=descending]");
  await go(page, `${row(drained)} button`);
  await page.keyboard.press("Enter");
  await focused(page, "#ask button[value=no]");
  await page.keyboard.press("Escape");
  await focused(page, `${row(drained)} button`);
  assert.equal(await page.getAttribute(`${row(drained)} .state`, "data-state"), "up");
  for (const [word, after] of [["Drain", "drained"], ["Undrain", "up"]]) {
    assert.equal(await page.getAttribute(`${row(drained)} button`, "aria-label"), `${word} ${drained}`);
    await page.keyboard.press("Enter");
    await confirm(page);
    await page.waitForSelector(`${row(drained)} .state[data-state="${after}"]`);
    // The rows are in the order of their load, which changes, and it stays where it is.
    await focused(page, `${row(drained)} button`);
  }

  await back(page, "#pause");
  await page.keyboard.press("Enter");
  await page.waitForSelector('.pulse[data-state="paused"]');
  await page.keyboard.press("Enter");
  await page.waitForSelector('.pulse[data-state="live"]');
}

/** What is news interrupts if it is bad, and only then. */
async function aloud(page, rules) {
  await page.goto(`${base}/#/events`);
  await page.waitForSelector("#log li");
  // At once: what happens next is not read aloud, and may be told while one looks.
  assert.equal(await page.$eval("#event-form", (form) => {
    form.elements.what.value = "nodes";
    form.elements.what.dispatchEvent(new Event("input", { bubbles: true }));
    return document.querySelector("#event-note[role=status]").ariaLive;
  }), "polite");
  await page.goto(`${base}/#/`);
  await page.route("**/api/drain", (route) => route.fulfill({ status: 403, json: { error: "the node does not want to" } }));
  await page.focus(`${row(drained)} button`);
  await page.keyboard.press("Enter");
  await confirm(page);
  await page.waitForSelector("#warned .toast");
  const alerts = (await told(page, "alert")).filter((alert) => alert.text.trim());
  assert.equal(alerts.length, 1);
  assert.match(alerts[0].text, /the node does not want to/);
  assert.equal((await told(page, "status")).filter((status) => status.text.includes("want")).length, 0);
  await rules("toast");
  await go(page, ".toast button");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#warned .toast", { state: "detached" });
  await focused(page, "main");
}

await run(async () => {
  for (const [size, options] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await visit(`${size}, by keyboard and by ear`, options, async (page) => {
      // Nothing changes meanwhile.
      const pause = async (state) => {
        await page.click("#pause");
        await page.waitForSelector(`.pulse[data-state="${state}"]`);
      };
      const rules = async (part) => {
        if (part !== "login") await pause("paused");
        for (const colorScheme of ["light", "dark"]) {
          await page.emulateMedia({ colorScheme });
          assert.deepEqual(await broken(page, colorScheme), [], `${part}, ${colorScheme}`);
          await picture(page, `${size}-${colorScheme}-${part}`);
        }
        if (part !== "login") await pause("live");
      };
      for (const [part, ready, ...expected] of PARTS) {
        await page.goto(`${base}/#/${part}`);
        await page.waitForSelector(ready);
        if (expected.length) await table(page, ...expected);
        await rules(part.split("?")[0] || "overview");
      }
      const marks = await told(page, "banner", "navigation", "main");
      assert.deepEqual(marks.map(({ role }) => role).sort(), ["banner", "main", "navigation"]);
      await page.goto(`${base}/#/`);
      await byKeyboard(page);
      await aloud(page, rules);
      await page.click("text=Log out");
      await page.waitForURL("**/login");
      await rules("login");
    });
  }
});
