// Reps at consoles, supervisors at walls and shoppers against a running server: what the tests and the pictures
// of the staff's pages share. Must not know what is looked for.

import assert from 'node:assert/strict';
import axe from 'axe-core';
import { keep, startBrowser } from './page-driver.mjs';

/** Where the server is, and who may come in. */
export let server;
export let base;
let browser;

/** A browser for the server of these facts. */
export async function start(facts) {
  server = facts;
  base = `http://${server.http}`;
  browser = await startBrowser();
}

export const stop = () => browser?.close();

export async function eventually(what, check, timeout = 8_000) {
  const began = Date.now();
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() - began > timeout) assert.fail(`not within ${timeout} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A page of the staff; whatever it did, it must not have broken. */
export async function open(path, { at = base, scheme = 'light', width = 1280, height = 800 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: 'reduce', locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const broken = [];
  page.on('pageerror', (error) => broken.push(error.stack));
  page.on('console', (message) => /Content Security|Trusted/i.test(message.text()) && broken.push(message.text()));
  await page.goto(at + path);
  return {
    page,
    close: async () => {
      await context.close();
      assert.deepEqual(broken, []);
    },
  };
}

export async function signIn(page, rep) {
  await page.fill('#user', rep);
  await page.fill('#password', server.passwords[rep]);
  await page.keyboard.press('Enter');
  await page.locator('.lists').waitFor({ state: 'attached' });
}

export async function console_(rep, options) {
  const opened = await open('/console/', options);
  const { page } = opened;
  await signIn(page, rep);
  await eventually(`${rep} is available`, () => page.evaluate(() => document.querySelector('.state-mark .available') !== null));
  const sees = (text) => eventually(`${rep} sees ${text}`, async () => (await page.locator('.log').textContent()).includes(text));
  return {
    ...opened, rep, sees,
    offer: (name) => page.locator('.offer:not(.lapsed)', { hasText: name }),
    open: (name) => page.locator('.conversations .talk', { hasText: name }),
    take: async (name) => {
      await page.locator('.offer:not(.lapsed)', { hasText: name }).locator('.answer').click();
      await page.locator('.conversations .talk', { hasText: name }).waitFor();
    },
    say: async (text) => { await page.fill('#text', text); await page.keyboard.press('Enter'); },
    lines: () => page.locator('.log .group.own .line, .log .group.shopper .line').allTextContents(),
    signOut: async () => {
      await page.locator('.tools .button').last().click();
      await page.locator('#user').waitFor();
      await opened.close();
    },
  };
}

/** A shopper without a browser; `cookies` are those of one who comes back. */
export async function shopper(name, message, more = {}, cookies = '') {
  const answer = await fetch(`${base}/v1/sites/shop/tickets`, { method: 'POST', headers: { 'content-type': 'application/json', ...(cookies && { cookie: cookies, origin: base }) }, body: JSON.stringify({ skills: ['cameras'], name, message, ...more }) });
  const ticket = await answer.json();
  assert.equal(answer.status, 201, JSON.stringify(ticket));
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${ticket.token}` };
  const path = `${base}/v1/tickets/${ticket.id}`;
  let number = 0;
  return {
    id: ticket.id,
    cookies: answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]).join('; '),
    state: async () => (await (await fetch(path, { headers })).json()).state,
    say: async (text) => assert.ok((await fetch(`${path}/messages`, { method: 'POST', headers, body: JSON.stringify({ type: 'say', id: `${name}${number++}`, text }) })).ok),
    lines: async () => (await (await fetch(`${path}/messages?after=0`, { headers })).json()).frames.filter(({ type }) => type === 'line').map(({ from, text }) => `${from}: ${text}`),
    end: () => fetch(path, { method: 'DELETE', headers }),
  };
}

export const admin = async (path) => (await fetch(`${base}/v1/admin/${path}`, { headers: { authorization: `Bearer ${server.admin_key}` } })).json();
export const adminRep = async (rep) => (await admin('reps')).items.find((one) => one.rep === rep);

export async function check(page, what) {
  await keep(page, `staff ${what}`);
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html} ${any.map(({ message }) => message)}`).join(' | ')}`);
  });
  assert.deepEqual(found, [], what);
}
