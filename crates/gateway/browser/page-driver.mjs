// Drives one shopper's browser by JSON lines: `node page-driver.mjs BASE_URL` reads a command a line
// on stdin and answers each with one line on stdout. Must not know which gateway serves the page.

import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const PATIENCE = 10_000;
const KEPT = fileURLToPath(new URL('../../../target/screenshots/tested/', import.meta.url));

/** Starts the Chromium of this machine, or the one that CHROMIUM names. */
export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: FLAGS,
    // As shoppers' browsers do, so that pages are met that come back from it.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
}

/** Opens one page as a shopper with a fixed language, in `browser` or one of its own. */
export async function startShopper({ base, browser, width = 1280, height = 800, scheme = 'light', motion = 'reduce' }) {
  browser ??= await startBrowser();
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: motion, locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  return new Shopper(base, browser, context, page).watch();
}

/** Keeps a picture of what a test saw, for people to look at. */
export async function keep(page, what) {
  const { scheme, direction, width } = await page.evaluate(() => ({ scheme: document.documentElement.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'), direction: getComputedStyle(document.documentElement).direction, width: innerWidth }));
  const name = [what.replace(/[^a-z0-9]+/gi, '-'), width, direction === 'rtl' && 'rtl', scheme].filter(Boolean).join('-');
  await page.screenshot({ path: `${KEPT}${name}.png` });
}

export class Shopper {
  #violations = [];
  #errors = [];

  constructor(base, browser, context, page) {
    Object.assign(this, { base, browser, context, page });
  }

  async watch() {
    const { context, page } = this;
    await context.exposeBinding('deskbellViolation', (_source, violation) => this.#violations.push(violation));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile, lineNumber }) =>
        window.deskbellViolation({ violatedDirective, blockedURI, sourceFile, lineNumber }));
    });
    page.on('console', (message) => message.type() === 'error' && this.#errors.push({ kind: 'console', text: message.text(), url: message.location().url }));
    page.on('pageerror', (error) => this.#errors.push({ kind: 'page', text: String(error) }));
    return this;
  }

  bell(skill) {
    return this.page.locator(skill ? `deskbell-help[skill="${skill}"]` : 'deskbell-help').first();
  }

  panel() {
    return this.page.locator('deskbell-help dialog:is([open], :popover-open)');
  }

  async open({ url = '/' } = {}) {
    const answer = await this.page.goto(new URL(url, this.base).href, { waitUntil: 'domcontentloaded' });
    await this.bell().locator('.bell').waitFor();
    return { status: answer.status() };
  }

  /** Opens a page of the shop `site` that has nothing but a bell, and that the gateway does not serve. */
  async openShop({ site, skill }) {
    const body = `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>A shop</title>
<script type="module" src="/widget.js"></script><main><h1>A shop</h1><deskbell-help site="${site}" skill="${skill}"></deskbell-help></main></html>`;
    await this.context.route('**/a-shop', (route) => route.fulfill({ contentType: 'text/html', body }));
    await this.page.goto(new URL('/a-shop', this.base).href, { waitUntil: 'domcontentloaded' });
    // A conversation that goes on is shown at once, in front of the bell.
    await this.bell().locator('.bell').waitFor({ state: 'attached' });
    return {};
  }

  /** The shop's page names the shopper by a token it has signed. */
  async carryToken({ token }) {
    await this.bell().evaluate((bell, signed) => bell.setAttribute('token', signed), token);
    return {};
  }

  async leave() {
    await this.page.goto('about:blank');
    return {};
  }

  async reload() {
    await this.page.reload({ waitUntil: 'domcontentloaded' });
    await this.bell().locator('.bell').waitFor();
    return {};
  }

  async state({ skill } = {}) {
    return this.bell(skill).evaluate((bell) => ({
      state: bell.situation.state ?? bell.situation.key,
      text: bell.shadowRoot.querySelector('[part=text]').textContent,
      range: bell.shadowRoot.querySelector('.range').textContent,
    }));
  }

  async waitState({ state, skill, timeout_ms: timeout = PATIENCE }) {
    const began = Date.now();
    for (;;) {
      const seen = await this.state({ skill });
      if (seen.state === state) return { ...seen, after_ms: Date.now() - began };
      if (Date.now() - began > timeout) throw new Error(`the bell still says ${JSON.stringify(seen)} after ${timeout} ms`);
      await this.page.waitForTimeout(20);
    }
  }

  async clickBell({ skill } = {}) {
    await this.bell(skill).locator('.bell').click();
    await this.panel().waitFor();
    return {};
  }

  async start({ name, message }) {
    const panel = this.panel();
    await panel.locator('#message').fill(message);
    if (name) await panel.locator('#name').fill(name);
    await panel.locator('button[type=submit]').click();
    await panel.locator('[role=log]').waitFor();
    return {};
  }

  async say({ text }) {
    await this.panel().locator('.text-in').fill(text);
    await this.panel().locator('.text-in').press('Enter');
    return {};
  }

  /** All lines in the order shown; `pending` for those the gateway has not confirmed. */
  async lines() {
    const lines = await this.page.locator('deskbell-help .group .line').evaluateAll((shown) => shown.map((line) => {
      const group = line.closest('.group');
      const from = ['shopper', 'rep', 'system'].find((who) => group.classList.contains(who));
      return { from, name: group.querySelector('.name')?.textContent, text: line.textContent, pending: Boolean(line.closest('.unsaid')) };
    }));
    return { lines };
  }

  async waitLine({ from, text, timeout_ms: timeout = PATIENCE }) {
    const began = Date.now();
    for (;;) {
      const { lines } = await this.lines();
      const line = lines.find((one) => !one.pending && (!from || one.from === from) && one.text.includes(text));
      if (line) return { line, after_ms: Date.now() - began };
      if (Date.now() - began > timeout) throw new Error(`no line ${JSON.stringify({ from, text })} after ${timeout} ms, but ${JSON.stringify(lines)}`);
      await this.page.waitForTimeout(20);
    }
  }

  /** What the panel's header says. */
  async header() {
    const panel = this.panel();
    return { title: await panel.locator('.title').textContent(), sub: await panel.locator('.sub').textContent(), strip: await panel.locator('.strip').textContent() };
  }

  async waitHeader({ text, timeout_ms: timeout = PATIENCE }) {
    await this.panel().locator('.head', { hasText: text }).waitFor({ timeout });
    return this.header();
  }

  async end() {
    await this.panel().locator('[part=end]').click();
    await this.panel().locator('.confirm .danger').click();
    await this.panel().locator('.end').waitFor();
    return {};
  }

  /** All that the panel says. */
  async panelText() {
    return { text: await this.panel().innerText() };
  }

  async pressButton({ name }) {
    await this.panel().getByRole('button', { name, exact: true }).click();
    return {};
  }

  async storage() {
    const read = () => this.page.evaluate(() => ({ local: { ...localStorage }, session: { ...sessionStorage } }));
    return { cookies: await this.context.cookies(), ...(await read()) };
  }

  async screenshot({ file, width, height, scheme, full = false }) {
    if (width) await this.page.setViewportSize({ width, height: height ?? 800 });
    if (scheme) await this.page.emulateMedia({ colorScheme: scheme });
    await this.page.waitForTimeout(250);
    await this.page.screenshot({ path: file, fullPage: full });
    return { file };
  }

  /** Pictures of what is shown now, light and dark, wide and narrow. */
  async keep({ name }) {
    for (const [width, height] of [[360, 720], [1280, 800]]) {
      await this.page.setViewportSize({ width, height });
      for (const colorScheme of ['dark', 'light']) {
        await this.page.emulateMedia({ colorScheme });
        await this.page.waitForTimeout(250);
        await keep(this.page, name);
      }
    }
    return {};
  }

  async press({ key }) {
    await this.page.keyboard.press(key);
    return {};
  }

  async offline({ on = true } = {}) {
    await this.context.setOffline(on);
    return {};
  }

  async cspReports() {
    return { reports: [...this.#violations] };
  }

  async errors() {
    return { errors: [...this.#errors] };
  }

  async quit() {
    await this.browser.close();
    return {};
  }
}

const COMMANDS = {
  open: 'open', 'open-shop': 'openShop', 'carry-token': 'carryToken', leave: 'leave', reload: 'reload', state: 'state', 'wait-state': 'waitState', 'click-bell': 'clickBell', start: 'start', say: 'say',
  lines: 'lines', 'wait-line': 'waitLine', header: 'header', 'wait-header': 'waitHeader', end: 'end', storage: 'storage', 'panel-text': 'panelText', 'press-button': 'pressButton',
  screenshot: 'screenshot', keep: 'keep', press: 'press', offline: 'offline', 'csp-reports': 'cspReports', errors: 'errors', quit: 'quit',
};

async function main(base) {
  let shopper;
  try {
    shopper = await startShopper({ base });
  } catch (error) {
    process.stderr.write(`the browser could not be started: ${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
  answer({ ok: true, ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    if (!line.trim()) continue;
    try {
      const command = JSON.parse(line);
      const method = COMMANDS[command.do];
      if (!method) throw new Error(`no command is called ${JSON.stringify(command.do)}; there are ${Object.keys(COMMANDS).join(', ')}`);
      answer({ ok: true, ...(await shopper[method](command)) });
      if (command.do === 'quit') {
        // An open pipe would keep this process until whoever holds its other end lets go.
        process.stdin.destroy();
        return;
      }
    } catch (error) {
      answer({ ok: false, error: String(error.message ?? error) });
    }
  }
  await shopper.quit();
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  if (process.argv[2]) await main(process.argv[2]);
  else {
    process.stderr.write('usage: node page-driver.mjs BASE_URL\n');
    process.exitCode = 2;
  }
}
