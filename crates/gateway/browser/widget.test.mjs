// The bell and its conversation in a real browser against the mock: `node --test widget.test.mjs`.
// Must not test the gateway; the Rust tests drive the same page against it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import axe from 'axe-core';
import { served, startMock } from './mock-gateway.mjs';
import { keep, startBrowser, startShopper } from './page-driver.mjs';
import { signToken, startShop } from '../../../examples/storefronts/node/server.mjs';

const estimate = { seconds: 240, low: 120, high: 420, confidence: 0.8 };
const LANGUAGES = ['ar', 'de', 'es', 'fr', 'tr'];
let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser?.close());

/** Runs `act` with a mock and a shopper on its storefront; whatever the page did, it must not have broken its policy. */
function scene(name, act, { width, height, scheme, motion, page = '/', expectViolations = 0 } = {}) {
  test(name, { timeout: 60_000 }, async () => {
    const mock = await startMock();
    const shopper = await startShopper({ base: mock.url, browser, width, height, scheme, motion });
    try {
      mock.pages.set('/bare', '<!doctype html><html lang="en"><script type="module" src="/widget.js"></script><deskbell-help site="shop" skill="cameras"></deskbell-help>');
      mock.pages.set('/rtl', '<!doctype html><html lang="ar" dir="rtl"><script type="module" src="/widget.js"></script><deskbell-help site="shop" skill="cameras"></deskbell-help>');
      mock.pages.set('/inline-style', '<!doctype html><html lang="en"><script type="module" src="/widget.js"></script><p style="color:red">x</p><deskbell-help site="shop"></deskbell-help>');
      if (page) await shopper.open({ url: page });
      await act(shopper, mock);
      const { reports } = await shopper.cspReports();
      assert.equal(reports.length, expectViolations, JSON.stringify(reports));
      const broken = (await shopper.errors()).errors.filter(({ kind }) => kind === 'page');
      assert.deepEqual(broken, []);
    } finally {
      await shopper.context.close();
      await mock.close();
    }
  });
}

const available = (mock, skill = 'cameras', count = 3) => mock.setGroups({ skill }, { state: 'available', available: count, busy: 0, wait: null });
const text = async (shopper, skill = 'cameras') => (await shopper.state({ skill })).text;

async function eventually(what, check, timeout = 8_000) {
  const began = Date.now();
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() - began > timeout) assert.fail(`not within ${timeout} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function inConversation(shopper, mock) {
  available(mock);
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  await shopper.clickBell({ skill: 'cameras' });
  await shopper.start({ name: 'Noor', message: 'first words' });
  await shopper.waitLine({ from: 'shopper', text: 'first words' });
  const [ticket] = [...mock.tickets.values()].slice(-1);
  ticket.change({ state: 'open', rep: 'Alice' });
  await shopper.waitHeader({ text: 'Alice' });
  return ticket;
}

const tomorrow = new Date(new Date().setHours(33, 0, 0, 0)).toISOString();
const wait = (seconds, low, high, confidence = 0.8) => ({ state: 'wait', busy: 1, wait: { seconds, low, high, confidence } });
for (const [name, group, words, range, mark] of [
  ['three reps', { state: 'available', available: 3 }, '3 people can help now', '', 'available'],
  ['one rep', { state: 'available', available: 1 }, '1 person can help now', '', 'available'],
  ['coarse numbers', { state: 'available', available: 0 }, 'Somebody can help now', '', 'available'],
  ['an estimate', { state: 'wait', busy: 2, wait: estimate }, 'About 4 minutes', '2 to 7 minutes, 8 times out of 10', 'busy'],
  ['seconds', wait(40, 5, 50), 'Under a minute', 'Up to a minute, 8 times out of 10', 'busy'],
  ['over a minute', wait(75, 30, 170), 'About a minute', 'Up to 3 minutes, 8 times out of 10', 'busy'],
  ['half an hour', wait(1750, 1000, 2600), 'About half an hour', '15 to 45 minutes, 8 times out of 10', 'busy'],
  ['hours', wait(6900, 3700, 9000), 'About 2 hours', 'an hour to 3 hours, 8 times out of 10', 'busy'],
  ['no estimate, all away', { state: 'wait', away: 1, wait: null }, "We can't tell how long yet", '', 'away'],
  ['closed', { state: 'closed' }, 'Nobody is on duty right now', '', 'offline'],
  ['closed with hours', { state: 'closed', opens: tomorrow }, 'Back tomorrow at 9:00', '', 'offline'],
]) {
  scene(`the bell says ${name}`, async (shopper, mock) => {
    mock.setGroups({ skill: 'lenses' }, { state: 'available', available: 9 });
    mock.setGroups({ skill: 'cameras' }, group);
    const seen = await eventually(words, async () => {
      const state = await shopper.state({ skill: 'cameras' });
      return state.text === words.replace('9:00', '09:00') || state.text === words ? state : null;
    });
    assert.ok(seen.text.length <= 40, seen.text);
    assert.equal(seen.range, range);
    assert.ok(await shopper.bell('cameras').locator(`.bell .mark.${mark}`).isVisible());
  }, { page: '/bare' });
}

scene('the bell follows the tier of the page', async (shopper, mock) => {
  mock.setGroups({ skill: 'cameras', tier: 'standard' }, { state: 'wait', busy: 1, wait: estimate });
  mock.setGroups({ skill: 'cameras', tier: 'gold' }, { state: 'available', available: 2 });
  await shopper.waitState({ state: 'wait', skill: 'cameras' });
  await shopper.page.getByLabel('Gold').check();
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  await shopper.page.waitForFunction(() => document.querySelector('deskbell-help').getAttribute('token') === 'demo.gold.unsigned');
});

scene('each bell has its own form; in a conversation all bells lead to it', async (shopper, mock) => {
  available(mock);
  available(mock, 'lenses', 1);
  const title = async () => (await shopper.header()).title;
  await shopper.clickBell({ skill: 'cameras' });
  assert.equal(await title(), 'Help with cameras');
  await shopper.clickBell({ skill: 'lenses' });
  await shopper.waitHeader({ text: 'Help with lenses' });
  await shopper.start({ message: 'which one' });
  assert.deepEqual([...mock.tickets.values()].map(({ ask }) => ask.skills), [['lenses']]);
  await shopper.press({ key: 'Escape' });
  await shopper.clickBell({ skill: 'cameras' });
  await shopper.waitLine({ from: 'shopper', text: 'which one' });
  await shopper.end();
  await shopper.press({ key: 'Escape' });
  await shopper.clickBell({ skill: 'cameras' });
  assert.equal(await title(), 'Help with cameras');
});

scene('only a change of the situation is announced', async (shopper, mock) => {
  available(mock);
  await shopper.open({ url: '/bare' });
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  const status = shopper.bell('cameras').locator('> [role=status]');
  assert.equal(await status.textContent(), '');
  available(mock, 'cameras', 2);
  await eventually('two people', async () => (await text(shopper)) === '2 people can help now');
  assert.equal(await status.textContent(), '');
  mock.setGroups({ skill: 'cameras' }, { state: 'wait', available: 0, busy: 1, wait: estimate });
  await eventually('announced', async () => (await status.textContent()) === 'About 4 minutes');
}, { page: null });

scene('nothing is stored and no cookie is sent before the click', async (shopper, mock) => {
  available(mock);
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  await shopper.clickBell({ skill: 'cameras' });
  assert.deepEqual(await shopper.storage(), { cookies: [], local: {}, session: {} });
  assert.ok(mock.requests.every(({ cookie }) => cookie === undefined));
  assert.equal(mock.tickets.size, 0);
});

scene('the panel is not fetched before the click', async (shopper, mock) => {
  available(mock);
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  const fetched = () => mock.requests.some(({ route }) => route === 'GET /conversation.js');
  assert.equal(fetched(), false);
  await shopper.clickBell({ skill: 'cameras' });
  assert.equal(fetched(), true);
});

scene('three tabs share one stream, and another takes over when its tab goes', async (shopper, mock) => {
  available(mock);
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  const says = (page) => page.evaluate(() => document.querySelector('deskbell-help[skill=cameras]').shadowRoot.querySelector('[part=text]').textContent);
  const all = async (pages, words) => {
    for (const page of pages) await eventually(`${words} in every tab`, async () => (await says(page)) === words);
  };
  const others = await Promise.all([1, 2].map(() => shopper.context.newPage()));
  for (const page of others) await page.goto(new URL('/', mock.url).href);
  await all(others, '3 people can help now');
  assert.equal(mock.streams.size, 1);
  available(mock, 'cameras', 1);
  await all([shopper.page, ...others], '1 person can help now');
  assert.equal(mock.streams.size, 1);

  await shopper.page.goto('about:blank');
  await eventually('one stream again', () => mock.streams.size === 1);
  available(mock, 'cameras', 2);
  await all(others, '2 people can help now');
  assert.equal(mock.streams.size, 1);
});

scene('all bells of a page share one stream, closed while the page is hidden', async (shopper, mock) => {
  available(mock);
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  assert.equal(await shopper.page.locator('deskbell-help').count(), 3);
  assert.equal(mock.streams.size, 1);
  const hide = (hidden) => shopper.page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await hide(true);
  await eventually('stream closed', () => mock.streams.size === 0);
  mock.setGroups({ skill: 'cameras' }, { state: 'closed', available: 0 });
  await hide(false);
  await shopper.waitState({ state: 'closed', skill: 'cameras' });
  assert.equal(mock.streams.size, 1);
  await shopper.page.goto('about:blank');
  await eventually('stream closed by leaving', () => mock.streams.size === 0);
});

scene('a lost gateway is told, and its return', async (shopper, mock) => {
  available(mock);
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  mock.refuse.presence = true;
  mock.dropStreams();
  await shopper.waitState({ state: 'lost', skill: 'cameras', timeout_ms: 5_000 });
  assert.equal(await text(shopper), 'Not connected');
  mock.refuse.presence = false;
  await shopper.waitState({ state: 'available', skill: 'cameras', timeout_ms: 10_000 });
}, { page: '/bare' });

scene('an offline browser says so at once', async (shopper, mock) => {
  available(mock);
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  await shopper.offline();
  await shopper.waitState({ state: 'lost', skill: 'cameras', timeout_ms: 1_000 });
  await shopper.offline({ on: false });
  await shopper.waitState({ state: 'available', skill: 'cameras', timeout_ms: 3_000 });
}, { page: '/bare' });

scene('a click reaches the gateway and the two talk in order', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  assert.deepEqual({ ...ticket.ask, page: undefined }, { skills: ['cameras'], name: 'Noor', message: 'first words', lang: 'en', page: undefined });
  assert.equal(ticket.ask.page, `${mock.url}/`);
  ticket.line({ from: 'rep', name: 'Alice', text: 'Hello' });
  await shopper.say({ text: 'second' });
  await shopper.waitLine({ from: 'shopper', text: 'second' });
  ticket.repeat(2);
  ticket.line({ from: 'rep', name: 'Alice', text: 'third' });
  await shopper.waitLine({ from: 'rep', text: 'third' });
  const { lines } = await shopper.lines();
  assert.deepEqual(lines.map((line) => `${line.from}: ${line.text}`), ['shopper: first words', 'rep: Hello', 'shopper: second', 'rep: third']);
  await eventually('acknowledged', () => ticket.frames.some((frame) => frame.type === 'ack' && frame.seq === 4));
  assert.equal((await shopper.header()).title, 'Alice');
});

scene('waiting shows place, promise and range', async (shopper, mock) => {
  mock.onTicket = (ticket) => Object.assign(ticket, { position: 2, wait: estimate });
  available(mock);
  await shopper.clickBell({ skill: 'cameras' });
  await shopper.start({ message: 'hello' });
  const card = shopper.panel().locator('.waiting');
  assert.deepEqual(await card.locator('p').allTextContents(), ['You are number 2', 'About 4 minutes', '2 to 7 minutes, 8 times out of 10', 'We keep your place if this page closes.']);
  await shopper.press({ key: 'Escape' });
  await eventually('the bell', async () => (await text(shopper)) === 'You are number 2, about 4 minutes');
  const [ticket] = mock.tickets.values();
  ticket.change({ state: 'offered' });
  await eventually('asking', async () => (await text(shopper)) === 'Asking somebody now');
});

scene('typing is shown, and sent at most once a second', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  ticket.typing();
  await shopper.panel().getByText('Alice is writing').waitFor();
  ticket.line({ from: 'rep', name: 'Alice', text: 'done' });
  await shopper.panel().getByText('Alice is writing').waitFor({ state: 'hidden' });
  const began = Date.now();
  await shopper.panel().locator('.text-in').pressSequentially('a rather long sentence', { delay: 60 });
  const allowed = 1 + Math.floor((Date.now() - began) / 1000);
  await eventually('typing', () => ticket.frames.some(({ type }) => type === 'typing'));
  const sent = ticket.frames.filter(({ type }) => type === 'typing').length;
  assert.ok(sent >= 1 && sent <= allowed, `${sent} typing frames, ${allowed} allowed`);
});

scene('a reload resumes the conversation with its lines in order', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  ticket.line({ from: 'rep', name: 'Alice', text: 'Hello' });
  await shopper.say({ text: 'second' });
  await shopper.waitLine({ from: 'shopper', text: 'second' });
  await shopper.reload();
  ticket.line({ from: 'rep', name: 'Alice', text: 'third' });
  await shopper.waitLine({ from: 'rep', text: 'third' });
  assert.deepEqual((await shopper.lines()).lines.map((line) => line.text), ['first words', 'Hello', 'second', 'third']);
  assert.ok(await shopper.panel().isVisible(), 'the panel is open as before');
  assert.equal(mock.tickets.size, 1);
});

scene('a line whose confirmation was lost is not doubled', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  mock.refuse.confirmations = true;
  await shopper.say({ text: 'once' });
  await eventually('heard', () => ticket.lines.some((line) => line.text === 'once'));
  mock.refuse.confirmations = false;
  await shopper.waitLine({ from: 'shopper', text: 'once' });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal((await shopper.lines()).lines.filter((line) => line.text === 'once').length, 1);
  assert.equal(ticket.lines.filter((line) => line.text === 'once').length, 1);
});

scene('lines said while cut off arrive once, in order, also over a reload', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  mock.refuse.sockets = true;
  ticket.drop();
  ticket.line({ from: 'rep', name: 'Alice', text: 'are you there' });
  await shopper.say({ text: 'yes' });
  await shopper.panel().getByText('Reconnecting…').waitFor();
  const { text: said, pending } = (await shopper.lines()).lines.at(-1);
  assert.deepEqual({ said, pending }, { said: 'yes', pending: true });
  await shopper.reload();
  mock.refuse.sockets = false;
  await shopper.waitLine({ from: 'shopper', text: 'yes' });
  assert.deepEqual(ticket.lines.map((line) => line.text), ['first words', 'are you there', 'yes']);
  assert.deepEqual((await shopper.lines()).lines.map((line) => line.text), ['first words', 'are you there', 'yes']);
  await shopper.panel().getByText('Reconnecting…').waitFor({ state: 'hidden' });
});

scene('a socket that has gone deaf is replaced', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  for (const follower of ticket.followers) follower.deaf = true;
  await shopper.say({ text: 'anybody' });
  await shopper.waitLine({ from: 'shopper', text: 'anybody', timeout_ms: 16_000 });
  assert.equal(ticket.lines.filter((line) => line.text === 'anybody').length, 1);
});

scene('where no WebSocket comes through, SSE and POST carry the conversation', async (shopper, mock) => {
  mock.refuse.sockets = true;
  const ticket = await inConversation(shopper, mock);
  await shopper.say({ text: 'by post' });
  await shopper.waitLine({ from: 'shopper', text: 'by post' });
  ticket.line({ from: 'rep', name: 'Alice', text: 'by stream' });
  await shopper.waitLine({ from: 'rep', text: 'by stream' });
  ticket.drop();
  ticket.line({ from: 'rep', name: 'Alice', text: 'while cut off' });
  await shopper.waitLine({ from: 'rep', text: 'while cut off' });
  assert.deepEqual((await shopper.lines()).lines.map((line) => line.text), ['first words', 'by post', 'by stream', 'while cut off']);
});

for (const streams of ['closed', 'silent']) {
  scene(`where streams are ${streams} too, long polling carries the conversation`, async (shopper, mock) => {
    Object.assign(mock.refuse, { sockets: true, streams });
    available(mock);
    await shopper.waitState({ state: 'available', skill: 'cameras' });
    await shopper.clickBell({ skill: 'cameras' });
    await shopper.start({ message: 'first words' });
    await shopper.waitLine({ from: 'shopper', text: 'first words', timeout_ms: 20_000 });
    const [ticket] = mock.tickets.values();
    ticket.change({ state: 'open', rep: 'Alice' });
    await shopper.waitHeader({ text: 'Alice' });
    await shopper.say({ text: 'by post' });
    await shopper.waitLine({ from: 'shopper', text: 'by post' });
    ticket.line({ from: 'rep', name: 'Alice', text: 'by poll' });
    await shopper.waitLine({ from: 'rep', text: 'by poll' });
    const polls = () => mock.requests.filter(({ route }) => route.startsWith('GET /v1/tickets/') && route.endsWith('/messages')).length;
    const before = polls();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.ok(polls() - before <= 1, 'a quiet conversation is not asked for again and again');
    assert.deepEqual((await shopper.lines()).lines.map((line) => line.text), ['first words', 'by post', 'by poll']);
  });
}

scene('the whole way by keyboard', async (shopper, mock) => {
  const { page } = shopper;
  available(mock);
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  const focus = () => page.evaluate(() => {
    const inner = document.activeElement?.shadowRoot?.activeElement;
    return inner?.id || inner?.className || '';
  });
  await page.keyboard.press('Tab');
  assert.equal(await focus(), 'bell');
  await page.keyboard.press('Enter');
  await eventually('focus on the message', async () => (await focus()) === 'message');
  await page.keyboard.press('Escape');
  assert.equal(await focus(), 'bell');
  await page.keyboard.press('Enter');
  await eventually('focus on the message again', async () => (await focus()) === 'message');
  await page.keyboard.type('keys only');
  await page.keyboard.press('Tab');
  assert.equal(await focus(), 'name');
  await page.keyboard.press('Enter');
  await eventually('focus on the composer', async () => (await focus()) === 'text-in');
  await page.keyboard.type('and more');
  await page.keyboard.press('Enter');
  await shopper.waitLine({ from: 'shopper', text: 'and more' });
  await page.keyboard.press('Escape');
  assert.equal(await focus(), 'bell');
  assert.equal(await shopper.bell().locator('.bell').getAttribute('aria-expanded'), 'false');
}, { page: '/bare' });

scene('everything has a role and a name', async (shopper, mock) => {
  const { page } = shopper;
  available(mock);
  await page.getByRole('button', { name: 'Ask for help. 3 people can help now' }).click();
  const form = page.getByRole('dialog', { name: 'Help with cameras' });
  await form.getByRole('textbox', { name: 'What can we help with?' }).fill('hello');
  await form.getByRole('textbox', { name: 'Your name (optional)' }).waitFor();
  await form.getByRole('button', { name: 'Ask for help' }).click();
  await form.getByRole('log', { name: 'Conversation' }).getByText('hello').waitFor();
  const [ticket] = mock.tickets.values();
  ticket.change({ state: 'open', rep: 'Alice' });
  const talk = page.getByRole('dialog', { name: 'Alice' });
  await talk.getByRole('status').getByText('Alice: Here with you').waitFor();
  await talk.getByRole('textbox', { name: 'Write a message' }).waitFor();
  await talk.getByRole('button', { name: 'Send' }).waitFor();
  await talk.getByRole('button', { name: 'Close this panel' }).click();
  await talk.waitFor({ state: 'hidden' });
}, { page: '/bare', motion: 'no-preference' });

scene('an empty message is asked for, not sent', async (shopper, mock) => {
  available(mock);
  await shopper.clickBell({ skill: 'cameras' });
  await shopper.panel().locator('button[type=submit]').click();
  await shopper.panel().getByRole('alert').getByText('Write a few words first').waitFor();
  assert.equal(mock.tickets.size, 0);
});

for (const [status, retryAfter, words, type] of [
  [429, 30, 'That was too many requests from here. Try again in 30 seconds.'],
  [429, 150, 'That was too many requests from here. Try again in 3 minutes.'],
  [503, 5, 'The help desk is starting again. Try again in 5 seconds.'],
  [503, 60, 'Too many people are waiting at this moment. Try again in a minute.', 'urn:deskbell:problem:queue-full'],
  [500, undefined, 'That did not work. Try again in a little while.'],
  [409, undefined, 'Nobody who can help with this is on duty right now.', 'urn:deskbell:problem:closed'],
]) {
  scene(`a ${status} with Retry-After ${retryAfter} is said in words, and the form kept`, async (shopper, mock) => {
    available(mock);
    mock.refuse.tickets = { status, retryAfter, type };
    await shopper.clickBell({ skill: 'cameras' });
    await shopper.panel().locator('#message').fill('still here');
    await shopper.panel().locator('button[type=submit]').click();
    await eventually(words, async () => (await shopper.panel().getByRole('alert').textContent()) === words);
    assert.equal(await shopper.panel().locator('#message').inputValue(), 'still here');
    mock.refuse.tickets = null;
    await shopper.panel().locator('button[type=submit]').click();
    await shopper.waitLine({ from: 'shopper', text: 'still here' });
  });
}

scene('a line said too fast is said again, a refused one is marked', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  mock.refuse.says = { status: 429, retry_after: 1 };
  await shopper.say({ text: 'too fast' });
  await eventually('tried', () => ticket.frames.some((frame) => frame.text === 'too fast'));
  mock.refuse.says = null;
  await shopper.waitLine({ from: 'shopper', text: 'too fast', timeout_ms: 3_000 });
  mock.refuse.says = { status: 422 };
  await shopper.say({ text: 'not that' });
  await shopper.panel().getByText('Not sent').waitFor();
});

scene('text from the rep is text, never markup', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  const hostile = '<img src=x onerror="document.title=1"><b>bold</b>';
  ticket.line({ from: 'rep', name: '<i>Alice</i>', text: hostile });
  const { line } = await shopper.waitLine({ from: 'rep', text: 'bold' });
  assert.equal(line.text, hostile);
  assert.equal(line.name, '<i>Alice</i>');
  assert.equal(await shopper.panel().locator('.line *').count(), 0);
});

scene('who waits can ask to be rung instead, and think better of it', async (shopper, mock) => {
  mock.form = { ...mock.form, phone: 'optional' };
  mock.refuse.calls = 'You cannot be called: the number is not one we ring.';
  available(mock);
  await shopper.clickBell({ skill: 'cameras' });
  await shopper.panel().locator('#phone').waitFor();
  await shopper.start({ message: 'hello' });
  const card = shopper.panel().locator('.waiting');
  const ring = card.getByRole('button', { name: 'Call me instead' });
  await ring.click();
  // What else the card says changes while somebody writes.
  const [waiting] = mock.tickets.values();
  await card.getByLabel('Your telephone number').pressSequentially('06 12 ');
  waiting.change({ position: 3 });
  await card.getByText('You are number 3').waitFor();
  await shopper.page.keyboard.type('34 56 78');
  await ring.click();
  await card.getByRole('alert').getByText('You cannot be called').waitFor();
  mock.refuse.calls = null;
  await ring.click();
  await card.getByText('We ring you when it is your turn').waitFor();
  await card.getByText('+33•••••••78').waitFor();
  const ticket = waiting;
  assert.equal(await shopper.page.evaluate(() => document.querySelector('deskbell-help[skill=cameras]').shadowRoot.activeElement?.textContent), 'Do not call me', 'the focus is not lost with the button');
  assert.deepEqual(ticket.frames.filter(({ type }) => type === 'call').map(({ phone }) => phone), ['06 12 34 56 78', '06 12 34 56 78']);
  await accessible(shopper, 'to be called');
  await card.getByRole('button', { name: 'Do not call me' }).click();
  await ring.waitFor();
  // The header and the card tell one thing, and neither says that a telephone rings before it does.
  const told = async (words) => {
    await card.getByText(words).waitFor();
    assert.equal(await shopper.panel().locator('.sub').first().textContent(), words);
  };
  for (const [stage, words] of [['calling-rep', 'We ring you when it is your turn'], ['calling-you', 'We are ringing your phone'], ['talking', 'You are on the phone']]) {
    ticket.change({ state: 'callback', rep: 'Alice', callback: { number: '+33•••••••78', stage } });
    await told(words);
  }
  assert.equal(await card.getByRole('button').count(), 0);
});

for (const [page, resumed] of [['/', false], ['/rtl', true]]) {
  scene(`who waits once more reads so below what was said on ${page}${resumed ? ', after a reload too' : ''}`, async (shopper, mock) => {
    const ticket = await inConversation(shopper, mock);
    for (let number = 1; number <= 12; number += 1) ticket.line({ from: 'rep', name: 'Alice', text: `answer ${number}` });
    await shopper.waitLine({ from: 'rep', text: 'answer 12' });
    ticket.change({ state: 'callback', rep: 'Alice', callback: { number: '+33•••••••78', stage: 'calling-rep' } });
    if (resumed) await shopper.page.reload();
    const card = shopper.panel().locator('.waiting');
    const number = card.getByText('+33•••••••78');
    await number.waitFor();
    assert.equal(await number.evaluate((one) => getComputedStyle(one).direction), 'ltr', 'a number is never read from right to left');
    await eventually('the card is in sight', () => card.evaluate((one) => {
      const [here, panel] = [one, one.parentElement].map((element) => element.getBoundingClientRect());
      return here.top >= panel.top && here.bottom <= panel.bottom;
    }));
    await card.getByRole('button').focus();
    ticket.line({ from: 'rep', name: 'Alice', text: 'one more' });
    await shopper.waitLine({ from: 'rep', text: 'one more' });
    assert.equal(await card.evaluate((one) => one.contains(one.getRootNode().activeElement)), true, 'the focus stays');
  }, { page });
}

// C1 and C2 of docs/security-tests.md.
scene('five hundred hostile texts are shown as they are, and run nothing', async (shopper, mock) => {
  const bases = ['<script>hit()</script>', '<img src=x onerror=hit()>', '<svg onload=hit()>', '<iframe srcdoc="<script>parent.hit()</script>">', '<a href="javascript:hit()">x</a>', '<body onload=hit()>',
    '<math><mtext><img src=x onerror=hit()>', '<details open ontoggle=hit()>', '<input autofocus onfocus=hit()>', '<style>@import "//evil.example"</style>', '<base href="//evil.example/">', '<meta http-equiv=refresh content="0;url=javascript:hit()">',
    '{{constructor.constructor("hit()")()}}', '${hit()}', '#{hit()}', '<%= hit() %>', '[[${hit()}]]', '{{=hit()}}', '{%raw%}hit(){%endraw%}', 'javascript:hit()', 'data:text/html,<script>hit()</script>', '\u202ehit()', '<x-y is=hit>', '&lt;script&gt;hit()&lt;/script&gt;', '<template shadowrootmode=open><script>hit()</script></template>'];
  const wraps = [(x) => x, (x) => `"${x}`, (x) => `'${x}`, (x) => `\`${x}`, (x) => `">${x}`, (x) => `'>${x}`, (x) => `</p>${x}`, (x) => `</textarea>${x}`, (x) => `<!--${x}`, (x) => `-->${x}`, (x) => `]]>${x}`, (x) => `\n${x}`, (x) => `${x}\t`, (x) => `\ufeff${x}`, (x) => x.toUpperCase(), (x) => `a ${x} b`, (x) => `\\${x}`, (x) => `%3C${x}`, (x) => `${x}${x}`, (x) => `x" onx=hit() ${x}`];
  const payloads = bases.flatMap((base) => wraps.map((wrap) => wrap(base)));
  assert.equal(payloads.length, 500);
  const ticket = await inConversation(shopper, mock);
  await shopper.page.evaluate(() => { window.hits = 0; window.hit = () => { window.hits += 1; }; });
  for (const text of payloads) ticket.line({ from: 'rep', name: text, text });
  ticket.line({ from: 'system', text: payloads[1] });
  ticket.change({ state: 'open', rep: payloads[2] });
  ticket.line({ from: 'rep', name: 'Alice', text: 'the last' });
  await shopper.waitLine({ from: 'rep', text: 'the last', timeout_ms: 20_000 });
  mock.form = { ...mock.form, consent: payloads[1], phone: 'optional', fields: [{ id: 'x', label: payloads[0], required: false, choices: [payloads[3]] }], you: { name: payloads[4], rep: payloads[5] } };
  await shopper.end();
  await shopper.panel().getByRole('button', { name: 'Ask again' }).click();
  await shopper.panel().locator('#consent').waitFor();
  const { hits, foreign } = await shopper.page.evaluate(() => {
    const { shadowRoot } = document.querySelector('deskbell-help[skill=cameras]');
    return { hits: window.hits, foreign: shadowRoot.querySelectorAll('script, img, iframe, style, base, meta, math, details, x-y, template, [onload], [onerror], a').length };
  });
  assert.deepEqual({ hits, foreign }, { hits: 0, foreign: 0 });
});

scene('a closed panel tells of new lines on the bell', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  await shopper.press({ key: 'Escape' });
  await eventually('Alice is here', async () => (await text(shopper)) === 'Alice is here');
  ticket.line({ from: 'rep', name: 'Alice', text: 'one' });
  ticket.line({ from: 'rep', name: 'Alice', text: 'two' });
  await eventually('counted', async () => (await text(shopper)) === '2 new messages from Alice');
  const acknowledged = () => Math.max(0, ...ticket.frames.filter(({ type }) => type === 'ack').map(({ seq }) => seq));
  assert.ok(acknowledged() < 2);
  await shopper.clickBell({ skill: 'lenses' });
  assert.equal((await shopper.lines()).lines.at(-1).text, 'two');
  await eventually('acknowledged', () => acknowledged() === 3);
});

scene('a bell that is moved in the page takes its conversation along', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  await shopper.page.evaluate(() => document.querySelector('main').append(document.querySelector('deskbell-help[skill=cameras]')));
  await shopper.waitLine({ from: 'shopper', text: 'first words' });
  ticket.line({ from: 'rep', name: 'Alice', text: 'still here' });
  await shopper.waitLine({ from: 'rep', text: 'still here' });
  await eventually('one follower', () => ticket.followers.size === 1);
  await shopper.page.evaluate(() => document.querySelector('deskbell-help[skill=cameras]').remove());
  await eventually('nobody follows', () => ticket.followers.size === 0);
});

scene('the site says what is asked, and nothing typed is lost when it does', async (shopper, mock) => {
  mock.form = {
    ...mock.form, phone: 'optional', email: 'required', consent: 'We may ring me about this question.',
    fields: [{ id: 'order', label: 'Order number', required: false, choices: [] }, { id: 'branch', label: 'Branch', required: true, choices: ['Harbour', 'Hill'] }],
  };
  available(mock);
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  await shopper.clickBell({ skill: 'cameras' });
  const panel = shopper.panel();
  await panel.getByLabel('Order number (optional)').waitFor();
  await panel.locator('#message').fill('Where is it?');
  await panel.getByLabel('Your name (optional)').fill('Noor');
  const send = panel.locator('button[type=submit]');
  const refused = async (words, field) => {
    await send.click();
    await eventually(words, async () => (await panel.getByRole('alert').textContent()) === words);
    assert.equal(await panel.locator('[aria-invalid=true]').getAttribute('id'), field);
    assert.equal(await shopper.page.evaluate(() => document.querySelector('deskbell-help[skill=cameras]').shadowRoot.activeElement.id), field);
  };
  await refused('Fill in “Your email” first.', 'email');
  await panel.getByLabel('Your email').fill('noor@mail.example');
  await refused('Fill in “Branch” first.', 'own-branch');
  await panel.getByLabel('Branch').selectOption('Hill');
  await panel.getByLabel('Your telephone number (optional)').fill('+33 1 23');
  await refused('Tick the box, or leave the number out.', 'consent');
  await panel.getByLabel('We may ring me about this question.').check();
  // The situation changes and changes back: what was typed stays.
  mock.setGroups({ skill: 'cameras' }, { state: 'closed', available: 0 });
  await panel.getByRole('button', { name: 'Leave a message' }).waitFor();
  available(mock);
  await panel.getByRole('button', { name: 'Ask for help' }).click();
  await shopper.waitLine({ from: 'shopper', text: 'Where is it?' });
  const [{ ask }] = mock.tickets.values();
  const { page, lang, skills, ...rest } = ask;
  assert.deepEqual(rest, { message: 'Where is it?', name: 'Noor', email: 'noor@mail.example', phone: '+33 1 23', consent: true, details: { branch: 'Hill' } });
});

scene('while nobody is there a message can be left', async (shopper, mock) => {
  mock.setGroups({ skill: 'cameras' }, { state: 'closed', opens: tomorrow });
  await shopper.waitState({ state: 'closed', skill: 'cameras' });
  await shopper.clickBell({ skill: 'cameras' });
  const panel = shopper.panel();
  await panel.getByText('Leave a message, and we answer it.').waitFor();
  await panel.locator('#message').fill('Is it in stock?');
  await panel.getByRole('button', { name: 'Leave a message' }).click();
  await panel.getByRole('alert').getByText('Give an email, so that we can answer you.').waitFor();
  await panel.getByLabel('Your email').fill('noor@mail.example');
  await panel.getByRole('button', { name: 'Leave a message' }).click();
  await panel.getByRole('heading', { name: 'Your message is with us' }).waitFor();
  await panel.getByText('We answer to noor@mail.example when we are back.').waitFor();
  assert.deepEqual(mock.cases.map(({ message, email, skills }) => ({ message, email, skills })), [{ message: 'Is it in stock?', email: 'noor@mail.example', skills: ['cameras'] }]);
  assert.equal(mock.tickets.size, 0);
  await panel.getByRole('button', { name: 'Ask again' }).click();
  assert.equal(await shopper.panel().locator('#message').inputValue(), '');
});

scene('who comes back is known, sees what is kept, and is forgotten at a word', async (shopper, mock) => {
  mock.form = { ...mock.form, phone: 'required', you: { name: 'Noor', phone_ends: '89', rep: 'Alice' } };
  available(mock);
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  await shopper.clickBell({ skill: 'cameras' });
  const panel = shopper.panel();
  await panel.getByText('You are known here as Noor. Alice helped you last time.').waitFor();
  assert.equal(await panel.locator('#name').count(), 0);
  assert.equal(await panel.locator('#phone').getAttribute('placeholder'), 'The one that ends in 89');
  const [download] = await Promise.all([shopper.page.waitForEvent('download'), panel.getByRole('button', { name: 'My data' }).click()]);
  assert.equal(download.suggestedFilename(), 'my-data.json');
  await panel.locator('#message').fill('hello again');
  await panel.getByRole('button', { name: 'Forget me' }).click();
  await panel.getByText('Done. Nothing is kept of you any more.').waitFor();
  assert.equal(await panel.locator('#message').inputValue(), 'hello again');
  await panel.getByLabel('Your name (optional)').waitFor();
});

scene('a line says when it is on the phone of the rep, and never that it was read', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  await shopper.say({ text: 'second' });
  await shopper.waitLine({ from: 'shopper', text: 'second' });
  const mark = shopper.panel().locator('.delivery');
  assert.equal(await mark.textContent(), 'Sent');
  ticket.change({ state: 'open', rep: 'Alice', delivered: 1 });
  assert.equal(await mark.textContent(), 'Sent');
  ticket.change({ state: 'open', rep: 'Alice', delivered: 2 });
  await eventually('delivered', async () => (await mark.textContent()) === 'On Alice’s phone');
  await shopper.reload();
  await eventually('delivered after a reload', async () => (await mark.textContent()) === 'On Alice’s phone');
});

scene('a line that falls silent is replaced without a word from the shopper', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  mock.refuse.beats = true;
  for (const follower of ticket.followers) follower.send = () => {};
  const deaf = [...ticket.followers];
  ticket.line({ from: 'rep', name: 'Alice', text: 'into the void' });
  await shopper.waitLine({ from: 'rep', text: 'into the void', timeout_ms: 22_000 });
  assert.ok(!deaf.some((follower) => ticket.followers.has(follower)), 'by a new line');
});

scene('a page from the back-forward cache is right at once', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  await shopper.page.evaluate(() => { window.kept = true; });
  await shopper.page.goto(new URL('/bare', mock.url).href);
  ticket.line({ from: 'rep', name: 'Alice', text: 'while away' });
  mock.setGroups({ skill: 'lenses' }, { state: 'available', available: 2 });
  await shopper.page.goBack({ waitUntil: 'commit' });
  assert.equal(await shopper.page.evaluate(() => window.kept), true, 'the page was kept');
  await shopper.waitLine({ from: 'rep', text: 'while away' });
  await shopper.waitState({ state: 'available', skill: 'lenses', timeout_ms: 3_000 });
  assert.equal(ticket.followers.size, 1);
});

scene('in forced colours every mark and border still shows', async (shopper, mock) => {
  await shopper.page.emulateMedia({ forcedColors: 'active' });
  const ticket = await inConversation(shopper, mock);
  ticket.line({ from: 'rep', name: 'Alice', text: 'Hello' });
  await shopper.waitLine({ from: 'rep', text: 'Hello' });
  const bare = await shopper.panel().evaluate((panel) => [...panel.querySelectorAll('.line, .who, .send')].filter((one) => getComputedStyle(one).borderTopWidth === '0px').length);
  assert.equal(bare, 0);
  await accessible(shopper, 'forced colours');
});

scene('the end asks once, takes a rating, and one can ask again', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  ticket.line({ from: 'rep', name: 'Alice', text: 'Bye' });
  await shopper.waitLine({ from: 'rep', text: 'Bye' });
  await shopper.end();
  assert.equal(ticket.state, 'closed');
  assert.equal(await shopper.panel().locator('.who').textContent(), 'A');
  assert.deepEqual(await shopper.header(), { title: 'Alice', sub: 'The conversation has ended', strip: '' });
  assert.deepEqual((await shopper.storage()).session, {});
  const card = shopper.panel().locator('.end');
  await card.locator('.star').nth(3).click();
  await card.getByPlaceholder('Anything to add?').fill('quick');
  await card.getByRole('button', { name: 'Send' }).click();
  await card.getByText('Thank you').waitFor();
  assert.deepEqual(ticket.rating, { stars: 4, comment: 'quick' });
  await card.getByRole('button', { name: 'Ask again' }).click();
  await shopper.start({ message: 'another thing' });
  await shopper.waitLine({ from: 'shopper', text: 'another thing' });
  assert.equal((await shopper.lines()).lines.length, 1);
  assert.equal(mock.tickets.size, 2);
});

scene('a ticket the gateway no longer knows ends on the page too', async (shopper, mock) => {
  const ticket = await inConversation(shopper, mock);
  mock.tickets.clear();
  ticket.drop();
  await shopper.panel().locator('.end').getByText('This conversation is no longer open').waitFor();
  assert.deepEqual((await shopper.storage()).session, {});
});

scene('the bell works on a page of another origin under a strict policy', async (shopper, help) => {
  const shop = await startMock();
  try {
    help.origins.add(shop.url);
    shop.pages.set('/embed', {
      html: `<!doctype html><html lang="en"><script type="module" src="${help.url}/widget.js"></script><deskbell-help site="shop" skill="cameras"></deskbell-help>`,
      policy: `default-src 'none'; script-src ${help.url}; connect-src ${help.url} ${help.url.replace('http', 'ws')}; require-trusted-types-for 'script'`,
    });
    await shopper.open({ url: `${shop.url}/embed` });
    help.refuse.tickets = { status: 429, retryAfter: 30 };
    available(help);
    await shopper.clickBell();
    await shopper.panel().locator('#message').fill('from afar');
    await shopper.panel().locator('button[type=submit]').click();
    await shopper.panel().getByRole('alert').getByText('Try again in 30 seconds.').waitFor();
    help.refuse.tickets = null;
    await shopper.start({ message: 'from afar' });
    await shopper.waitLine({ from: 'shopper', text: 'from afar' });
    const [ticket] = help.tickets.values();
    ticket.change({ state: 'open', rep: 'Alice' });
    await shopper.say({ text: 'second' });
    await shopper.waitLine({ from: 'shopper', text: 'second' });
    help.refuse.sockets = true;
    ticket.drop();
    ticket.line({ from: 'rep', name: 'Alice', text: 'by stream' });
    await shopper.waitLine({ from: 'rep', text: 'by stream' });
    assert.equal(shop.requests.filter(({ route }) => route.includes('/v1/')).length, 0);
  } finally {
    await shop.close();
  }
}, { page: null });

scene('the example shop signs its customers in and their tokens with them', async (shopper, help) => {
  const secret = 'a secret of thirty-two bytes or more';
  const shop = await startShop({ help: help.url, secret });
  try {
    const url = `http://127.0.0.1:${shop.address().port}`;
    help.origins.add(url);
    available(help);
    await shopper.open({ url });
    await shopper.waitState({ state: 'available' });
    assert.equal(await shopper.bell().getAttribute('token'), '');
    await shopper.page.getByRole('button', { name: 'Noor, gold' }).click();
    await shopper.page.getByText('You are here as Noor, gold.').waitFor();
    const token = await shopper.bell().getAttribute('token');
    const { exp, ...claims } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    assert.deepEqual(claims, { sub: 'noor', name: 'Noor', tier: 'gold', phone: '+33123456789' });
    assert.ok(exp > Date.now() / 1000 && exp <= Date.now() / 1000 + 600);
    assert.equal(token, signToken(claims, secret, (exp - 600) * 1000));
    await shopper.clickBell();
    await shopper.start({ message: 'from the example' });
    await shopper.waitLine({ from: 'shopper', text: 'from the example' });
    assert.equal((await fetch(`${url}/session`, { method: 'POST', body: 'customer=noor', headers: { 'sec-fetch-site': 'cross-site' } })).status, 403);
  } finally {
    shop.closeAllConnections();
    await new Promise((resolve) => shop.close(resolve));
  }
}, { page: null });

scene('the example bank in Python signs its tokens and shows the state without script', async (shopper, help) => {
  const secret = 'a secret of thirty-two bytes or more';
  const server = fileURLToPath(new URL('../../../examples/storefronts/python/server.py', import.meta.url));
  const bank = spawn('python3', ['-I', '-B', server], { env: { PATH: process.env.PATH, SITE_SECRET: secret, HELP_ORIGIN: help.url, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let said = '';
    const url = await new Promise((resolve, reject) => {
      bank.on('error', reject).on('exit', (code) => reject(new Error(`the bank stopped with ${code}`)));
      bank.stdout.on('data', (chunk) => {
        said += chunk;
        const [, open] = /(http:\/\/[^/\s]+)\//.exec(said) ?? [];
        if (open) resolve(open);
      });
    });
    help.origins.add(url);
    available(help, 'mortgages');
    assert.match(await (await fetch(url)).text(), /<span class="deskbell" data-state="available">/);
    await shopper.open({ url });
    await shopper.waitState({ state: 'available' });
    assert.equal(await shopper.bell().getAttribute('token'), '');
    await shopper.page.getByRole('button', { name: 'Ines, platinum' }).click();
    await shopper.page.getByText('You are here as Ines, platinum.').waitFor();
    const token = await shopper.bell().getAttribute('token');
    const { exp, ...claims } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    assert.deepEqual(claims, { sub: 'ines', name: 'Ines', tier: 'platinum', phone: '+442079460123' });
    assert.equal(token, signToken(claims, secret, (exp - 600) * 1000), 'both languages sign alike');
    await shopper.clickBell();
    await shopper.start({ message: 'from the bank' });
    await shopper.waitLine({ from: 'shopper', text: 'from the bank' });
    const sign = (fetchSite) => fetch(`${url}/session`, { method: 'POST', body: 'customer=ines', redirect: 'manual', headers: { 'sec-fetch-site': fetchSite } });
    assert.equal((await sign('cross-site')).status, 403);
    assert.equal((await fetch(`${url}/session`, { method: 'POST', body: 'x'.repeat(5000), headers: { 'sec-fetch-site': 'same-origin' } })).status, 413);
  } finally {
    bank.removeAllListeners('exit');
    bank.kill();
  }
}, { page: null });

scene('on a small screen the panel is the screen', async (shopper, mock) => {
  available(mock);
  await shopper.clickBell({ skill: 'cameras' });
  assert.deepEqual(await shopper.panel().boundingBox(), { x: 0, y: 0, width: 360, height: 720 });
  assert.equal(await shopper.page.evaluate(() => document.documentElement.scrollWidth), 360);
  assert.ok(await shopper.panel().evaluate((panel) => panel.matches(':modal')));
  await keep(shopper.page, 'the form');
}, { width: 360, height: 720 });

scene('in a right-to-left page the bell stands at the left', async (shopper, mock) => {
  available(mock);
  await shopper.waitState({ state: 'available' });
  const box = await shopper.bell().locator('.bell').boundingBox();
  assert.equal(box.x, 24);
}, { page: '/rtl' });

for (const [language, available3, wait4, range, title, button, direction] of [
  ['de-AT', '3 Personen können jetzt helfen', 'Etwa 4 Minuten', '2 bis 7 Minuten, in 8 von 10 Fällen', 'Hilfe: Kameras', 'Um Hilfe bitten', 'ltr'],
  ['fr', '3 personnes peuvent vous aider', 'Environ 4 minutes', 'De 2 à 7 minutes, 8 fois sur 10', 'Aide : Kameras', 'Demander de l’aide', 'ltr'],
  ['es', '3 personas pueden ayudarle ahora', 'Unos 4 minutos', 'De 2 a 7 minutos, 8 de cada 10 veces', 'Ayuda: Kameras', 'Pedir ayuda', 'ltr'],
  ['tr', 'Şu anda 3 kişi yardım edebilir', 'Yaklaşık 4 dakika', '2 ile 7 dakika arası, 10 seferin 8 tanesinde', 'Yardım: Kameras', 'Yardım iste', 'ltr'],
  ['ar', '3 أشخاص يمكنهم مساعدتك الآن', 'حوالي 4 دقائق', 'من 2 إلى 7 دقائق، في 8 من كل 10 مرات', 'مساعدة: Kameras', 'اطلب المساعدة', 'rtl'],
  ['fi', '3 people can help now', 'About 4 minutes', '2 to 7 minutes, 8 times out of 10', 'Help with Kameras', 'Ask for help', 'ltr'],
]) {
  scene(`bell and panel speak ${language}`, async (shopper, mock) => {
    mock.pages.set('/spoken', `<!doctype html><html lang="${language}" dir="${direction}"><title>x</title><script type="module" src="/widget.js"></script><deskbell-help site="shop" skill="cameras" topic="Kameras"></deskbell-help>`);
    await shopper.open({ url: '/spoken' });
    mock.setGroups({ skill: 'cameras' }, { state: 'wait', busy: 1, wait: estimate });
    const latin = (text) => text.replace(/[٠-٩]/g, (digit) => digit.charCodeAt(0) - 0x660);
    await eventually(wait4, async () => latin(await text(shopper)) === wait4);
    assert.equal(latin((await shopper.state({})).range), range);
    available(mock);
    await eventually(available3, async () => latin(await text(shopper)) === available3);
    await shopper.clickBell();
    assert.equal((await shopper.header()).title, title);
    const panel = shopper.panel();
    assert.equal(await panel.getAttribute('dir'), direction);
    assert.equal(await panel.getAttribute('lang'), language === 'fi' ? 'en' : language.split('-')[0]);
    assert.equal(await panel.locator('button[type=submit]').textContent(), button);
    await shopper.start({ message: 'hello' });
    await eventually('the ticket', () => mock.tickets.size === 1);
    assert.equal([...mock.tickets.values()][0].ask.lang, language);
    const fetched = mock.requests.filter(({ route }) => route.startsWith('GET /texts/')).length;
    assert.equal(fetched, language === 'fi' ? 0 : 1);
  }, { page: null });
}

for (const width of [360, 800]) {
  scene(`on a page ${width} wide the closed drawer covers no word, wherever one scrolls`, async (shopper, mock) => {
    for (const url of ['/', '/library/', '/bank/']) {
      await shopper.open({ url });
      mock.happened('sip', 'PUBLISH sip:alice@shop.example 200 OK');
      await shopper.page.locator('.drawer-toggle').waitFor();
      const covered = await shopper.page.evaluate(async () => {
        const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const range = document.createRange();
        const found = new Set();
        for (let top = 0; top < document.body.scrollHeight; top += 200) {
          scrollTo({ top, behavior: 'instant' });
          const box = document.querySelector('.drawer').getBoundingClientRect();
          for (words.currentNode = document.body; words.nextNode();) {
            if (!words.currentNode.data.trim() || words.currentNode.parentElement.closest('.drawer, .quiet, .skip, legend')) continue;
            // What scrolls under a header that stays is covered by the header.
            if (top && words.currentNode.parentElement.closest('main, footer') && box.bottom <= document.querySelector('.top').getBoundingClientRect().bottom) continue;
            range.selectNodeContents(words.currentNode);
            for (const { left, right, top: upper, bottom } of range.getClientRects()) {
              if (left < box.right && right > box.left && upper < box.bottom && bottom > box.top) found.add(words.currentNode.data.trim());
            }
          }
        }
        return [...found];
      });
      assert.deepEqual(covered, [], url);
    }
  }, { width, height: 720, page: '' });
}

scene('the drawer lets the bells speak another language', async (shopper, mock) => {
  available(mock);
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  await shopper.page.locator('.drawer-toggle').click();
  for (const [language, words] of [['de', '3 Personen können jetzt helfen'], ['en', '3 people can help now']]) {
    await shopper.page.getByLabel('The bell speaks').selectOption(language);
    await eventually(words, async () => (await text(shopper)) === words);
  }
});

scene('every target is at least 24 by 24', async (shopper, mock) => {
  const small = async () => shopper.page.locator('deskbell-help :is(button, input:not(.quiet), textarea, label.star):visible').evaluateAll((all) => all
    .map((one) => [one.className || one.id, one.getBoundingClientRect()]).filter(([, { width, height }]) => width < 24 || height < 24).map(([name]) => name));
  available(mock);
  assert.deepEqual(await small(), []);
  await shopper.clickBell({ skill: 'cameras' });
  assert.deepEqual(await small(), []);
  await shopper.press({ key: 'Escape' });
  const ticket = await inConversation(shopper, mock);
  ticket.line({ from: 'rep', name: 'Alice', text: 'Bye' });
  await shopper.panel().locator('[part=end]').click();
  assert.deepEqual(await small(), []);
  await shopper.panel().locator('.confirm .danger').click();
  await shopper.panel().locator('.star').first().click();
  assert.deepEqual(await small(), []);
});

/** Fails on anything that axe-core finds against WCAG 2.2 A and AA, in the page and in its shadow trees. */
async function accessible(shopper, what) {
  // A panel that is still rising is half transparent.
  await shopper.page.waitForTimeout(250);
  await keep(shopper.page, what);
  await shopper.page.evaluate(axe.source);
  const violations = await shopper.page.evaluate(async () => {
    const { violations: found } = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} (${failureSummary})`).join('; ')}`);
  });
  assert.deepEqual(violations, [], what);
}

for (const scheme of ['light', 'dark']) {
  for (const [page, skill] of [['/', 'cameras'], ['/library/', 'research'], ['/bank/', 'mortgages']]) {
    scene(`axe-core finds nothing on ${page} in ${scheme}`, async (shopper, mock) => {
      available(mock, skill);
      await shopper.waitState({ state: 'available', skill });
      await accessible(shopper, `the page ${skill}`);
      await shopper.page.locator('.drawer-toggle').click();
      mock.happened('sip', 'PUBLISH sip:alice@shop.example 200 OK');
      mock.happened('http', 'GET /v1/sites/shop/presence 200');
      await accessible(shopper, `the drawer ${skill}`);
    }, { scheme, page });
  }

  for (const page of ['/', '/spoken']) {
    scene(`axe-core finds nothing in any state of the panel on ${page} in ${scheme}`, async (shopper, mock) => {
      mock.pages.set('/spoken', '<!doctype html><html lang="ar" dir="rtl"><meta name="color-scheme" content="light dark"><title>x</title><main><h1>x</h1></main><script type="module" src="/widget.js"></script><deskbell-help site="shop" skill="cameras" topic="x"></deskbell-help>');
      mock.onTicket = (ticket) => Object.assign(ticket, { position: 2, wait: estimate });
      await shopper.open({ url: page });
      await shopper.waitState({ state: 'closed', skill: 'cameras' });
      await shopper.clickBell({ skill: 'cameras' });
      await accessible(shopper, 'closed');
      mock.setGroups({ skill: 'cameras' }, { state: 'wait', busy: 1, wait: estimate });
      await shopper.waitState({ state: 'wait', skill: 'cameras' });
      await accessible(shopper, 'the form');
      mock.refuse.tickets = { status: 429, retryAfter: 30 };
      await shopper.panel().locator('#message').fill('hello');
      await shopper.panel().locator('button[type=submit]').click();
      await shopper.panel().getByRole('alert').filter({ hasText: '30' }).waitFor();
      await accessible(shopper, 'too many requests');
      mock.refuse.tickets = null;
      await shopper.start({ message: 'hello' });
      await accessible(shopper, 'waiting');
      const [ticket] = mock.tickets.values();
      ticket.change({ state: 'offered', rep: 'Alice' });
      await shopper.waitHeader({ text: 'Alice' });
      await accessible(shopper, 'offered');
      ticket.change({ state: 'open', rep: 'Alice' });
      ticket.line({ from: 'system', text: 'Alice has joined.' });
      ticket.line({ from: 'rep', name: 'Alice', text: 'Hello' });
      await shopper.waitLine({ from: 'rep', text: 'Hello' });
      ticket.typing();
      await accessible(shopper, 'open, typing');
      mock.refuse.sockets = true;
      ticket.drop();
      await shopper.panel().locator('.strip:not(:empty)').waitFor();
      await shopper.say({ text: 'still there?' });
      await accessible(shopper, 'reconnecting');
      mock.refuse.sockets = false;
      await shopper.waitLine({ from: 'shopper', text: 'still there?' });
      await shopper.panel().locator('[part=end]').click();
      await accessible(shopper, 'asking before the end');
      await shopper.panel().locator('.confirm .danger').click();
      await shopper.panel().locator('.star').nth(2).click();
      await accessible(shopper, 'ended');
    }, { scheme, page: null });
  }
}

for (const scheme of ['light', 'dark']) {
  for (const page of ['/bare', '/']) {
    scene(`contrast holds in ${scheme} on ${page}`, async (shopper, mock) => {
      available(mock);
      await shopper.clickBell({ skill: 'cameras' });
      const ratios = await shopper.bell('cameras').evaluate((bell) => {
        const probe = bell.shadowRoot.querySelector('.bell').cloneNode();
        bell.shadowRoot.append(probe);
        const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
        const luminance = (token) => {
          probe.style.color = `var(--_${token})`;
          canvas.fillStyle = getComputedStyle(probe).color;
          canvas.fillRect(0, 0, 1, 1);
          const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) => (byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4));
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ratio = (one, other) => {
          const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
          return (high + 0.05) / (low + 0.05);
        };
        const texts = [['text', 'surface'], ['text', 'surface-2'], ['muted', 'surface'], ['muted', 'surface-2'], ['on-accent', 'accent'], ['busy', 'surface']];
        const marks = ['available', 'busy', 'away', 'offline', 'accent'].map((mark) => [mark, 'surface']);
        return [...texts.map((pair) => [...pair, ratio(...pair), 4.5]), ...marks.map((pair) => [...pair, ratio(...pair), 3])];
      });
      assert.deepEqual(ratios.filter(([, , ratio, least]) => !(ratio >= least)), []);
    }, { scheme, page });
  }
}

scene('a page that breaks its policy is noticed', async () => {}, { page: '/inline-style', expectViolations: 1 });

test('the bell is at most 6 KiB compressed, the conversation at most 14, a language at most 3', async () => {
  const size = async (path) => gzipSync(await served(path), { level: 9 }).length;
  for (const [path, limit] of [['/widget.js', 6], ['/conversation.js', 14], ['/rating.js', 1.5], ...LANGUAGES.map((language) => [`/texts/${language}.js`, 3])]) {
    const bytes = await size(path);
    assert.ok(bytes <= limit * 1024, `${path} is ${bytes} bytes`);
  }
});

/** The same keys, and functions where English has functions, all the way down. */
function sameShape(here, there, path = '') {
  assert.equal(typeof here, typeof there, path);
  if (typeof here !== 'object') return;
  assert.deepEqual(Object.keys(here).sort(), Object.keys(there).sort(), path);
  for (const key of Object.keys(here)) sameShape(here[key], there[key], `${path}.${key}`);
}

for (const language of LANGUAGES) {
  test(`the texts in ${language} are whole, and short enough for the bell`, async () => {
    const english = async (path) => {
      const source = (await readFile(new URL(`../assets${path}`, import.meta.url), 'utf8')).match(/const english = \{.*?^\};$/ms)?.[0] ?? '';
      assert.ok(source, path);
      return new Function(`${source.replace('const english', 'english')} return english;`.replace('english =', 'const english ='))();
    };
    const { bell, panel } = await import(new URL(`../assets/texts/${language}.js`, import.meta.url).href);
    sameShape(bell, await english('/widget.js'), 'bell');
    const spoken = await english('/conversation.js');
    Object.assign(spoken.ended, await english('/rating.js'));
    sameShape(panel, spoken, 'panel');
    const steps = [0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60, 120, 180, 240, 480];
    const lines = [bell.unknown, bell.lost, bell.named('Alice', ''), bell.someone, bell.noEstimate, bell.closed, bell.back(bell.tomorrow, '09:00'),
      ...[1, 2, 3, 11, 25, 100].map(bell.people), ...steps.map(bell.about),
      panel.talk.willCall, panel.talk.callback, panel.talk.onPhone, panel.pill.asking, panel.pill.waiting, panel.pill.ended, panel.pill.open('Alice'), panel.pill.news(2, 'Alice'),
      ...steps.map((minutes) => panel.pill.place(2, bell.about(minutes)))];
    for (const line of lines) {
      assert.ok([...line].length <= 40, line);
      assert.doesNotMatch(line, /undefined|#/);
    }
    for (const low of steps) for (const high of steps.filter((step) => step >= low && step)) assert.doesNotMatch(bell.range(low, high, 0.8), /undefined|#/);
    for (const n of [1, 2, 5, 11, 30]) assert.doesNotMatch(panel.problem.retry(panel.problem.seconds(n)), /undefined|#/);
  });
}
