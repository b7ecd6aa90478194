// Visits a dashboard with a real browser, as an operator does: logs in, looks, finds a worker, moves it, sees a node go, drains another. What is
// not as it should be ends it with an error. The node whose end is to be seen is ended by who has started this, by the word `kill`.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";

import { PHONE, base, more, picture, row, run, visit } from "./browser.mjs";

const [victim, drained, hostile] = more;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** What each thing that can be pressed or filled in is called, for who does not see it. */
const unnamed = (page) => page.evaluate(() =>
  [...document.querySelectorAll("button, a, input, select, canvas, table")].filter((part) => part.offsetParent && !(
    part.textContent.trim() || part.ariaLabel || part.labels?.length || part.getAttribute("aria-labelledby") || part.closest("[aria-labelledby]")))
    .map((part) => part.outerHTML.slice(0, 120)));

await run(async () => {
  await visit("the desktop in daylight", { colorScheme: "light" }, async (page) => {
    await page.waitForFunction(() => document.querySelectorAll("#nodes tbody tr").length === 5);
    await page.waitForFunction(() => document.querySelector("[data-tile=workers]").textContent === "301");
    await page.waitForSelector(`${row(victim)} .state[data-state="up"]`);
    assert.match(await page.getAttribute("#ring", "aria-label"), /Ring of 4096 partitions on 5 nodes: .*owns/);
    assert.equal(await page.textContent(`${row(victim)} [data-label="Version"]`), "0.1.0");
    assert.deepEqual(await unnamed(page), []);
    const colours = await page.evaluate(() => {
      const { data } = document.getElementById("ring").getContext("2d").getImageData(0, 0, ring.width, ring.height);
      const seen = new Map();
      for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] === 255) seen.set(data.slice(at, at + 3).join(), (seen.get(data.slice(at, at + 3).join()) ?? 0) + 1);
      }
      return [...seen.values()].filter((count) => count > 2000).length;
    });
    assert.ok(colours >= 5, `the ring has the colours of five nodes, and not of ${colours}`);
    await picture(page, "light");

    // With the keyboard alone: over the way to the content, and by the order of the partitions.
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.focus('[data-order="number"]');
    await page.keyboard.press("Enter");
    assert.equal(await page.getAttribute('[data-order="number"]', "aria-pressed"), "true");
    await page.click('[data-order="owner"]');

    // A worker is found, and a name that would be a program is a text.
    await page.click("nav >> text=Workers");
    await page.fill("[name=prefix]", "acct/0042");
    await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1);
    assert.equal(await page.textContent("#rows td"), "acct/0042");
    await page.fill("[name=prefix]", "<");
    await page.waitForFunction((name) => document.querySelector("#rows td")?.textContent === name, hostile);
    await page.click("#rows a");
    await page.waitForFunction((name) => document.querySelector("#worker-title").textContent === name, hostile);
    await page.waitForSelector(".path li >> text=began on");
    await page.click("nav >> text=Groups");
    await page.fill("#group-form [name=name]", "audited");
    await page.keyboard.press("Enter");
    await page.click("#group-rows >> text=audited");
    await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 7);

    // It is moved.
    await page.click("#rows >> text=acct/0003");
    await page.waitForSelector("text=How long its type's handlers take");
    const moves = () => page.locator(".path li", { hasText: "for" }).count();
    await page.click("#move");
    await page.click("#ask-yes");
    await page.waitForFunction(() => document.querySelector(".path")?.textContent.includes("left"));
    assert.ok((await moves()) > 0);
    await picture(page, "worker");
  });

  await visit("a node that goes, at night", { colorScheme: "dark" }, async (page) => {
    await page.waitForSelector(row(victim));
    const began = performance.now();
    console.log("kill");
    assert.equal((await answers.next()).value, "done");
    await page.waitForSelector(row(victim), { state: "detached" });
    console.log(`gone from the page after ${Math.round(performance.now() - began)} ms`);
    await page.waitForSelector('#feed li[data-tone="bad"]');
    await page.waitForFunction(() => document.getElementById("announce").textContent.includes("is gone"));
    await page.waitForFunction(() => document.querySelector("[data-tile=nodes]").textContent === "4");
    await picture(page, "dark");

    // Another is drained, after a question.
    await page.click(`${row(drained)} button`);
    await page.click("#ask >> text=Cancel");
    assert.equal(await page.getAttribute(`${row(drained)} .state`, "data-state"), "up");
    await page.click(`${row(drained)} button`);
    await page.click("#ask-yes");
    await page.waitForSelector(`${row(drained)} .state[data-state="drained"]`);
    await page.waitForFunction((row) => document.querySelector(`${row} [data-label="Workers"]`).textContent === "0", row(drained));
    assert.match(await page.textContent(`${row(drained)} [data-label="Partitions"]`), /^0 /);
    await page.click(`${row(drained)} >> text=Undrain`);
    await page.click("#ask-yes");
    await page.waitForSelector(`${row(drained)} .state[data-state="up"]`);
    await page.click("nav >> text=Events");
    await page.selectOption("[name=what]", "nodes");
    await page.waitForSelector("#log >> text=is gone");

    // Who logs out is out, also of pages that are open.
    await page.click("text=Log out");
    await page.waitForURL("**/login");
    await page.fill("#token", "this is no token");
    await page.click("text=Log in");
    await page.waitForSelector("text=That is no token of this node.");
  });

  await visit("a phone, without motion", { ...PHONE, reducedMotion: "reduce" }, async (page) => {
    await page.waitForFunction(() => document.querySelectorAll("#nodes tbody tr").length === 4);
    for (const part of ["", "workers", "groups", "events", `worker?name=${encodeURIComponent("acct/0001")}`]) {
      await page.goto(`${base}/#/${part}`);
      await page.waitForSelector("h1:visible, h2:visible");
      for (const width of [320, PHONE.viewport.width]) {
        await page.setViewportSize({ ...PHONE.viewport, width });
        const beyond = await page.evaluate((width) => document.documentElement.scrollWidth - width, width);
        assert.ok(beyond <= 0, `#/${part} is ${beyond} pixels too wide for a phone of ${width}`);
      }
    }
    await page.goto(`${base}/#/`);
    await page.click('[data-order="number"]');
    const before = await page.evaluate(() => globalThis.framesDrawn());
    await page.click('[data-order="owner"]');
    await page.evaluate(() => new Promise((done) => setTimeout(done, 1000)));
    const drawn = (await page.evaluate(() => globalThis.framesDrawn())) - before;
    assert.ok(drawn < 12, `nothing flies for who wants no motion, and yet it was drawn ${drawn} times`);
    await picture(page, "phone");
  });
});
