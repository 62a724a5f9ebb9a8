// Consoles, a softphone, shoppers and a wall against a real server, which `crates/deskbell/tests/consoles.rs` starts:
// DESKBELL_SERVER tells where it is. Must not know the server's inside.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { startBrowser } from './page-driver.mjs';
import { startNetwork, startPhone } from './surroundings.mjs';
import { Desk } from '../assets/staff/desk.js';

const server = JSON.parse(process.env.DESKBELL_SERVER);
const base = `http://${server.http}`;
let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser?.close());

async function eventually(what, check, timeout = 8_000) {
  const began = Date.now();
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() - began > timeout) assert.fail(`not within ${timeout} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A page of the staff; whatever it did, it must not have broken. */
async function open(path, { at = base, scheme = 'light', width = 1280, height = 800 } = {}) {
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

async function signIn(page, rep) {
  await page.fill('#user', rep);
  await page.fill('#password', server.passwords[rep]);
  await page.keyboard.press('Enter');
  await page.locator('.lists').waitFor({ state: 'attached' });
}

async function console_(rep, options) {
  const opened = await open('/console/', options);
  const { page } = opened;
  await signIn(page, rep);
  await eventually(`${rep} is available`, () => page.evaluate(() => document.querySelector('.state-mark .available') !== null));
  const sees = (text) => eventually(`${rep} sees ${text}`, async () => (await page.locator('.log').textContent()).includes(text));
  return {
    ...opened, rep, sees,
    offer: (name) => page.locator('.offer:not(.lapsed)', { hasText: name }),
    open: (name) => page.locator('.conversations .talk', { hasText: name }),
    say: async (text) => { await page.fill('#text', text); await page.keyboard.press('Enter'); },
    lines: () => page.locator('.log .group.own .line, .log .group.shopper .line').allTextContents(),
    signOut: async () => {
      await page.locator('.tools .button').last().click();
      await page.locator('#user').waitFor();
      await opened.close();
    },
  };
}

/** A shopper without a browser. */
async function shopper(name, message, more = {}) {
  const answer = await fetch(`${base}/v1/sites/shop/tickets`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ skills: ['cameras'], name, message, ...more }) });
  const ticket = await answer.json();
  assert.equal(answer.status, 201, JSON.stringify(ticket));
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${ticket.token}` };
  const path = `${base}/v1/tickets/${ticket.id}`;
  let number = 0;
  return {
    id: ticket.id,
    state: async () => (await (await fetch(path, { headers })).json()).state,
    say: async (text) => assert.ok((await fetch(`${path}/messages`, { method: 'POST', headers, body: JSON.stringify({ type: 'say', id: `${name}${number++}`, text }) })).ok),
    lines: async () => (await (await fetch(`${path}/messages?after=0`, { headers })).json()).frames.filter(({ type }) => type === 'line').map(({ from, text }) => `${from}: ${text}`),
    end: () => fetch(path, { method: 'DELETE', headers }),
  };
}

const admin = async (path) => (await fetch(`${base}/v1/admin/${path}`, { headers: { authorization: `Bearer ${server.admin_key}` } })).json();
const adminRep = async (rep) => (await admin('reps')).items.find((one) => one.rep === rep);

async function check(page, what) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html} ${any.map(({ message }) => message)}`).join(' | ')}`);
  });
  assert.deepEqual(found, [], what);
}

test('a stranger is not let in, and is told so', async () => {
  const { page, close } = await open('/console/');
  await page.fill('#user', 'alice');
  await page.fill('#password', 'a wrong password');
  await page.keyboard.press('Enter');
  await page.locator('.wrong', { hasText: 'do not fit' }).waitFor();
  assert.deepEqual(await page.context().cookies(), []);
  const answer = await fetch(`${base}/wall/events`);
  assert.equal(answer.status, 401);
  await close();
});

test('an offer is taken, answered, and ended by keyboard alone; rest is cut short', async () => {
  const alice = await console_('alice');
  const { page } = alice;
  const sam = await shopper('Sam', 'which camera for birds?', { page: `${base}/birds`, phone: '+33123456789' });
  await alice.offer('Sam').waitFor();
  assert.match(await page.title(), /^\(1\)/);
  await page.keyboard.press('a');
  await alice.sees('which camera for birds?');
  await eventually('the composer has the focus', () => page.evaluate(() => document.activeElement?.id === 'text'));
  await page.keyboard.type('/he');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await eventually('Sam is greeted', async () => (await sam.lines()).includes('rep: Hello, how can I help?'));
  await sam.say('small ones');
  await alice.sees('small ones');
  assert.match(await page.locator('.card-pane').textContent(), /standard.*\/birds/s);
  await page.keyboard.press('Escape');
  await page.locator('.talk-head .danger').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await page.locator('.wrap-up .left', { hasText: /0:0\d/ }).waitFor();
  assert.equal(await sam.state(), 'closed');
  assert.ok((await adminRep('alice')).wrap_up_for_s >= 0);
  await page.locator('.wrap-up .primary').focus();
  await page.keyboard.press('Enter');
  await eventually('the rest is over', async () => (await adminRep('alice')).wrap_up_for_s === null, 2_000);
  await alice.signOut();
  await eventually('alice is gone', async () => (await adminRep('alice')).presence === 'offline', 2_000);
});

test('two at consoles and one at a softphone share three shoppers: decline, silence, hand on, capacity', async () => {
  const [alice, erin, bob] = await Promise.all([console_('alice'), console_('erin'), startPhone(server, 'bob')]);
  // The best is asked first, declines, and the next one has it; nobody is asked twice.
  const sam = await shopper('Sam', 'the first');
  await alice.offer('Sam').waitFor();
  await alice.page.keyboard.press('n');
  await erin.offer('Sam').waitFor();
  assert.equal(await alice.offer('Sam').count(), 0);
  await erin.page.keyboard.press('a');
  await erin.sees('the first');
  // Silence goes to the next; the one who was silent sees that it waits no more.
  const noor = await shopper('Noor', 'the second');
  await alice.offer('Noor').waitFor();
  await bob.does({ do: 'wait-message', text: 'the second' }).catch(() => erin.offer('Noor').waitFor({ timeout: 100 }));
  assert.equal((await adminRep('alice')).doubted_for_s !== null, true);
  await alice.page.locator('.notice button').click();
  await eventually('the doubt is over', async () => (await adminRep('alice')).doubted_for_s === null);
  await noor.end();
  // Handed on from a console to a console: lines come along, and the one who gave it up hears no more.
  await erin.page.locator('.talk-head .buttons .button').first().click();
  await erin.page.locator('.choice', { hasText: 'Alice' }).click();
  await alice.offer('Sam').waitFor();
  await alice.page.keyboard.press('a');
  await alice.sees('the first');
  await sam.say('only for alice');
  await alice.sees('only for alice');
  assert.equal((await erin.lines()).includes('only for alice'), false);
  // As many as the capacity says, and no more.
  await eventually('erin has room', async () => (await adminRep('erin')).free);
  const { capacity } = await adminRep('alice');
  const more = [];
  for (let held = 1; held < capacity; held += 1) {
    const name = `More${held}`;
    more.push(await shopper(name, 'one more', { rep: 'alice' }));
    await alice.offer(name).waitFor();
    await alice.page.locator('.offer .answer').first().click();
    await alice.open(name).waitFor();
  }
  assert.equal((await adminRep('alice')).free, false);
  assert.equal(await alice.page.locator('.conversations .talk').count(), capacity);
  for (const one of [sam, ...more]) await one.end();
  await bob.quit();
  await Promise.all([alice.signOut(), erin.signOut()]);
});

test('a console that loses its network for 20 seconds loses and doubles nothing', { timeout: 60_000 }, async () => {
  const network = await startNetwork(server.http);
  const alice = await console_('alice', { at: network.url });
  const sam = await shopper('Sam', 'before');
  await alice.offer('Sam').waitFor();
  await alice.page.keyboard.press('a');
  await alice.sees('before');
  await alice.say('one');
  await eventually('the first line is there', async () => (await sam.lines()).includes('rep: one'));
  network.cut();
  const cut = Date.now();
  await alice.say('two');
  await sam.say('are you there?');
  await alice.say('three');
  await alice.say('/who');
  assert.ok(!(await alice.lines()).includes('/who'), 'a command is no line, not even one that waits');
  await alice.page.locator('.strip', { hasText: 'Reconnecting' }).waitFor({ timeout: 20_000 });
  await sam.say('hello?');
  await pause(20_000 - (Date.now() - cut));
  assert.equal((await adminRep('alice')).presence, 'available', 'the rep is believed for a while');
  network.mend();
  await alice.sees('hello?');
  await eventually('all is said', async () => (await sam.lines()).includes('rep: three'), 15_000);
  const said = await sam.lines();
  for (const line of ['rep: one', 'rep: two', 'rep: three', 'shopper: are you there?', 'shopper: hello?']) {
    assert.equal(said.filter((one) => one === line).length, 1, `${line} in ${JSON.stringify(said)}`);
  }
  assert.equal(said.some((line) => line.includes('cannot be reached')), false);
  await eventually('the console shows each once', async () => {
    const lines = await alice.lines();
    return ['before', 'one', 'two', 'three', 'are you there?', 'hello?'].every((text) => lines.filter((line) => line === text).length === 1);
  });
  await sam.end();
  await alice.signOut();
  network.close();
});

test('a console whose session is over while it is away asks to sign in, and then says what was left unsaid', async () => {
  const network = await startNetwork(server.http);
  const alice = await console_('alice', { at: network.url });
  const sam = await shopper('Sam', 'before');
  await alice.offer('Sam').waitFor();
  await alice.page.keyboard.press('a');
  await alice.sees('before');
  network.cut();
  await alice.say('unsaid');
  // A browser without its cookie is refused before there is a socket that could say why.
  await alice.page.context().clearCookies();
  network.hangUp();
  network.mend();
  await alice.page.locator('.wrong', { hasText: 'signed out' }).waitFor();
  await signIn(alice.page, 'alice');
  await eventually('what was unsaid is said', async () => (await sam.lines()).includes('rep: unsaid'));
  assert.equal((await sam.lines()).filter((line) => line === 'rep: unsaid').length, 1);
  await sam.end();
  await alice.signOut();
  network.close();
});

test('a tab that is doubled and the tab it was made of are both told what happens', async () => {
  const alice = await console_('alice');
  const [double] = await Promise.all([alice.page.waitForEvent('popup'), alice.page.evaluate(() => { window.open('/console/'); })]);
  const named = (page) => page.evaluate(() => JSON.parse(sessionStorage.getItem('deskbell-console')).page);
  await eventually('each has a name of its own', async () => await named(double) !== await named(alice.page));
  const sam = await shopper('Sam', 'for both');
  await alice.offer('Sam').waitFor();
  await double.locator('.offer', { hasText: 'Sam' }).waitFor();
  await sam.end();
  await double.close();
  await alice.signOut();
});

test('a console remembers so many conversations that have ended, dismissed or not, and what it holds of them', () => {
  const desk = new Desk();
  const seat = (...tickets) => desk.take({ type: 'seat', now: Date.now(), tickets: tickets.map((ticket) => ({ ticket, stand: 'open' })), wrap_ups: [] });
  for (let place = 0; place < 60; place += 1) {
    seat(`t${place}`);
    desk.take({ type: 'line', ticket: `t${place}`, seq: 1, from: 'shopper', text: 'x', at: new Date().toISOString() });
    assert.equal(desk.held()[`t${place}`], 1);
    seat();
    if (place % 2) desk.forget(`t${place}`);
  }
  assert.equal(desk.talks.size, 20);
  assert.equal(Object.keys(desk.held()).length, 20);
});

test('who does not touch the computer is away, and back with a touch; a state set by hand stays over a reload', async () => {
  const alice = await console_('alice');
  await alice.page.mouse.move(10, 10);
  await eventually('alice is idle', async () => (await adminRep('alice')).presence === 'away', 15_000);
  const { decided_by: by } = await admin('presentities/alice');
  assert.equal(by, 'computer');
  await alice.page.mouse.move(20, 20);
  await eventually('alice is back', async () => (await adminRep('alice')).presence === 'available', 2_000);
  await alice.page.selectOption('#hand', 'busy');
  await eventually('alice is busy', async () => (await adminRep('alice')).presence === 'busy', 2_000);
  await alice.page.reload();
  await alice.page.locator('.lists').waitFor();
  await pause(700);
  assert.equal((await adminRep('alice')).presence, 'busy');
  assert.equal(await alice.page.locator('#hand').inputValue(), 'busy');
  await alice.signOut();
});

for (const scheme of ['light', 'dark']) {
  test(`axe-core finds nothing at the console in ${scheme}`, async () => {
    const door = await open('/console/', { scheme });
    await check(door.page, 'door');
    await door.close();
    const alice = await console_('alice', { scheme });
    await check(alice.page, 'idle');
    const sam = await shopper('Sam', 'hello', { page: `${base}/x`, phone: '+33123456789' });
    await alice.offer('Sam').waitFor();
    await check(alice.page, 'offer');
    await alice.page.keyboard.press('a');
    await alice.sees('hello');
    await alice.say('hello Sam');
    await alice.sees('hello Sam');
    await check(alice.page, 'conversation');
    await alice.page.locator('.talk-head .buttons .button').first().click();
    await check(alice.page, 'hand on');
    await alice.page.keyboard.press('Escape');
    await sam.end();
    await alice.page.locator('.wrap-up').waitFor();
    await check(alice.page, 'wrap-up');
    await alice.signOut();
  });
}

test('the wall shows each change within a second, with the numbers of the admin API, and says why', async () => {
  const wall = await open('/wall/', { width: 1920, height: 1080 });
  const { page } = wall;
  await page.fill('#key', 'not the key that was configured');
  await page.keyboard.press('Enter');
  await page.locator('.wrong', { hasText: 'No admin key' }).waitFor();
  await check(page, 'door of the wall');
  await page.fill('#key', server.admin_key);
  await page.keyboard.press('Enter');
  await page.locator('.tile, .site.asleep').first().waitFor({ state: 'attached' });
  const figure = async (name) => Number(await page.locator(`.figures .${name} dd`).textContent());
  const soon = (what, look) => eventually(what, look, 1_000);
  const alice = await console_('alice');
  await soon('alice is on the wall', () => page.locator('.rep[data-rep=alice][data-state=available]').count());
  await alice.page.selectOption('#hand', 'away');
  await soon('alice is away', () => page.locator('.rep[data-rep=alice][data-state=away]', { hasText: 'by hand' }).count());
  await alice.page.selectOption('#hand', 'available');
  await soon('alice is free', async () => await figure('free') === 1);
  const sam = await shopper('Sam', 'hello');
  await alice.offer('Sam').waitFor();
  await alice.page.keyboard.press('a');
  await eventually('the conversation is open', async () => await sam.state() === 'open');
  await soon('one talks', async () => await figure('talking') === 1 && await figure('wait') === 0);
  const [{ items: reps }, { items: queue }] = [await admin('reps'), await admin('queue')];
  assert.equal(await figure('duty'), reps.filter(({ presence }) => presence !== 'offline').length);
  assert.equal(await figure('free'), reps.filter(({ free }) => free).length);
  assert.equal(await figure('talking'), queue.filter(({ state }) => state === 'open').length);
  await page.locator('.rep[data-rep=alice]').click();
  await page.locator('.why .decides', { hasText: 'by hand' }).waitFor();
  await check(page, 'wall');
  await page.keyboard.press('Escape');
  // Nobody but a supervisor: neither a rep who is none, nor an old cookie of one.
  const answer = await alice.page.request.get(`${base}/wall/events`);
  assert.equal(answer.status(), 403);
  await sam.end();
  await alice.signOut();
  await wall.close();
});
