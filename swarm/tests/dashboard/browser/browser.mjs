// Owns a real browser: it is started, logged in to a dashboard, and heard when it complains.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { chromium } = await import(pathToFileURL(join(process.env.PACKAGES, "playwright-core/index.mjs")));
const dir = mkdtempSync(join(tmpdir(), "swarm-browser-"));
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const complaints = [];

/** Where the dashboard is, with what one logs in, and what else was said. */
export const [base, token, ...more] = process.argv.slice(2);

export const DESKTOP = { viewport: { width: 1360, height: 940 } };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** A browser of its own, in which this is done. */
export async function visit(what, options, steps) {
  const context = await chromium.launchPersistentContext(mkdtempSync(join(dir, "user-")), {
    executablePath: process.env.CHROMIUM, headless: true, args, ...DESKTOP, ...options,
  });
  context.setDefaultTimeout(30_000);
  const page = context.pages()[0];
  // The browser itself complains of each answer that is an error; a login that fails is meant to be one.
  page.on("console", (message) => message.type() === "error" && !/status of 40[13]/.test(message.text()) && complaints.push(`${what}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`${what}: ${error.stack}`));
  page.on("dialog", (dialog) => complaints.push(`${what}: a text became a program: ${dialog.message()}`));
  page.on("request", (request) => request.url().startsWith(base) || complaints.push(`${what}: ${request.url()} is asked`));
  try {
    await page.goto(base);
    await page.fill("#token", token);
    await page.click("text=Log in");
    await page.waitForSelector('.pulse[data-state="live"]');
    await steps(page);
  } finally {
    await context.close();
  }
  console.log(`seen: ${what}`);
}

export const picture = (page, name) => page.screenshot({ path: join(process.env.PICTURES, `dashboard-${name}.png`) });

export const row = (node) => `tr[data-node="${node}"]`;

/** Ends the process: well if these steps end, and nothing was complained of. */
export async function run(steps) {
  try {
    await steps();
    assert.deepEqual(complaints, []);
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
  }
  process.exit(0);
}
