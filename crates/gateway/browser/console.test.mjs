// Consoles, a softphone, shoppers and a wall against a real server, which `crates/deskbell/tests/consoles.rs` starts:
// DESKBELL_SERVER tells where it is. Must not know the server's inside.

import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { after, before, test } from 'node:test';
import { admin, adminRep, base, check, console_, eventually, open, pause, server, shopper, signIn, start, stop } from './staff-driver.mjs';
import { keep } from './page-driver.mjs';
import { startNetwork, startPhone } from './surroundings.mjs';
import { Desk } from '../assets/staff/desk.js';

before(() => start(JSON.parse(process.env.DESKBELL_SERVER)));
after(stop);

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

test('what was said before and what was written down in wrap-up are on the card of a shopper who comes back', async () => {
  const alice = await console_('alice');
  const { page } = alice;
  const noor = await shopper('Noor', 'does it rain in there?');
  await alice.take('Noor');
  await alice.sees('does it rain');
  assert.equal(await page.locator('.past').count(), 0, 'nobody was here before');
  await alice.say('It does not.');
  await eventually('Noor is answered', async () => (await noor.lines()).includes('rep: It does not.'));
  // Noor's page has asked for its lines and is not there any more.
  await page.locator('.typing.gone', { hasText: 'Noor has been out of reach' }).waitFor();
  await check(page, 'a shopper out of reach');
  await noor.end();
  await page.locator('.memo').waitFor();
  await page.fill('#memo', 'Owns the Norden 35. <b>Prefers</b> mail.');
  await page.keyboard.press('Control+Enter');
  await page.locator('.memo [role=status]', { hasText: 'Saved' }).waitFor();
  // Another word in its place, and on without a press of the button.
  await page.fill('#memo', 'Owns the Norden 35. <b>Prefers</b> letters.');
  await page.locator('.wrap-up .primary').click();
  await page.locator('.memo [role=status]', { hasText: 'Saved' }).waitFor();
  await check(page, 'the note');
  await page.locator('.wrap-up .buttons .button').last().click();

  const back = await shopper('Noor', 'it rains after all', {}, noor.cookies);
  await alice.take('Noor');
  await alice.sees('it rains after all');
  await page.locator('.past details').waitFor();
  assert.equal(await page.locator('.past details').count(), 1);
  assert.match(await page.locator('.past summary').textContent(), /cameras · Alice.*AliceOwns the Norden 35\. <b>Prefers<\/b> letters\.$/);
  await page.locator('.past summary').click();
  assert.deepEqual(await page.locator('.past .said p').allTextContents(), ['Noor does it rain in there?', 'Alice It does not.']);
  await check(page, 'the card with the past');

  // The admin API and the export tell of it, and nothing is left of it once the customer is forgotten.
  const past = (await admin('tickets')).items.find(({ ticket }) => ticket === noor.id);
  assert.deepEqual(past.notes.map(({ rep, text }) => [rep, text]), [['alice', 'Owns the Norden 35. <b>Prefers</b> letters.']]);
  const customer = async (what) => {
    const answer = await fetch(`${base}/v1/admin/customers/${what}`, { method: 'POST', headers: { authorization: `Bearer ${server.admin_key}`, 'content-type': 'application/json' }, body: JSON.stringify({ tickets: [noor.id] }) });
    assert.ok(answer.ok, `${what}: ${answer.status}`);
    return answer.json();
  };
  assert.equal((await customer('export')).tickets[0].notes[0].text, past.notes[0].text);
  await customer('erase');
  assert.deepEqual((await customer('export')).tickets, []);
  await page.reload();
  await alice.open('Noor').click();
  await page.locator('.past', { hasText: 'Nothing is kept of them any more.' }).waitFor();
  await back.end();
  await alice.signOut();
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
    // On a telephone too, and with the longest reason beside the state.
    await alice.page.setViewportSize({ width: 360, height: 720 });
    await alice.page.locator('.top .reason').evaluate((reason) => { reason.append(' · Your hands are full · 43 s'); });
    await keep(alice.page, 'staff conversation');
    const outside = await alice.page.locator('button:visible').evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().right > innerWidth).map(({ textContent }) => textContent));
    assert.deepEqual(outside, [], 'buttons beside the screen');
    assert.equal(await alice.page.locator('.top .reason').evaluate((reason) => reason.scrollWidth <= reason.clientWidth), true, 'the reason is read whole');
    await alice.page.setViewportSize({ width: 1280, height: 800 });
    await alice.page.locator('.talk-head .buttons .button').first().click();
    await check(alice.page, 'hand on');
    await alice.page.keyboard.press('Escape');
    await sam.end();
    await alice.page.locator('.wrap-up').waitFor();
    await check(alice.page, 'wrap-up');
    // As small as a screen is with its keyboard on it: the newest line stays in sight.
    await alice.page.setViewportSize({ width: 360, height: 480 });
    await eventually('the newest line is in sight', () => alice.page.locator('.log').evaluate((log) => log.scrollHeight > log.clientHeight && log.scrollHeight - log.scrollTop - log.clientHeight < 2));
    await alice.page.setViewportSize({ width: 1280, height: 800 });
    await alice.signOut();
  });
}

/** A wall that is signed in to with the key, and notes when each rep's state came onto the page. */
async function wall_(scheme = 'dark', size = { width: 1920, height: 1080 }) {
  const wall = await open('/wall/', { ...size, scheme });
  const { page } = wall;
  await page.evaluate((theme) => localStorage.setItem('deskbell-wall-theme', theme), scheme);
  await page.fill('#key', server.admin_key);
  await page.keyboard.press('Enter');
  await page.locator('.tile, .site.asleep').first().waitFor({ state: 'attached' });
  await page.evaluate(() => {
    window.shown = [];
    new MutationObserver(() => {
      for (const { dataset: { rep, state } } of document.querySelectorAll('.rep[data-rep]')) {
        if (window.shown.findLast((one) => one.rep === rep)?.state !== state) window.shown.push({ rep, state, at: Date.now() });
      }
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  return { ...wall, figure: async (name) => Number(await page.locator(`.figures .${name} dd`).textContent()) };
}

test('the wall shows each change within a second', async () => {
  const { page, close } = await wall_();
  const alice = await console_('alice');
  await page.locator('.rep[data-rep=alice][data-state=available]').waitFor();
  const delays = [];
  for (const state of ['away', 'available', 'busy', 'available', 'away', 'available']) {
    await alice.page.selectOption('#hand', state);
    const { at } = await eventually(`alice is ${state} on the wall`, () => page.evaluate((sought) => {
      const last = window.shown.findLast(({ rep }) => rep === 'alice');
      return last?.state === sought && last;
    }, state));
    // By the clock that both ends share: when the server had it, and when the page drew it.
    const began = Date.now() - (await admin('presentities/alice')).for_s * 1000;
    delays.push(at - began);
  }
  // A machine that does much else may be late once, not half the time.
  assert.ok(delays.toSorted((one, other) => one - other)[3] <= 1000, `milliseconds: ${delays}`);
  await alice.signOut();
  await close();
});

test('the wall has the numbers of the admin API, says why, and lets nobody else look', async () => {
  const door = await open('/wall/');
  await door.page.fill('#key', 'not the key that was configured');
  await door.page.keyboard.press('Enter');
  await door.page.locator('.wrong', { hasText: 'No admin key' }).waitFor();
  await check(door.page, 'door of the wall');
  await door.close();
  const { page, figure, close } = await wall_();
  const alice = await console_('alice');
  const sam = await shopper('Sam', 'hello');
  await alice.offer('Sam').waitFor();
  await alice.page.keyboard.press('a');
  await alice.open('Sam').waitFor();
  await eventually('the numbers are the same', async () => {
    const [{ items: reps }, { items: queue }, { items: sites }] = await Promise.all([admin('reps'), admin('queue'), admin('groups')]);
    const tiles = await page.locator('.tile').evaluateAll((all) => all.map(({ classList }) => ['available', 'wait', 'closed'].find((state) => classList.contains(state))));
    const states = await page.locator('.rep[data-rep]').evaluateAll((all) => all.map(({ dataset: { rep, state } }) => `${rep} ${state}`));
    const there = reps.filter(({ presence }) => presence !== 'offline');
    return await figure('duty') === there.length && there.length > 0
      && await figure('free') === reps.filter(({ free }) => free).length
      && await figure('talking') === queue.filter(({ state }) => state === 'open').length && queue.length > 0
      && await figure('wait') === queue.filter(({ state }) => state === 'queued' || state === 'offered').length
      && tiles.join() === sites.flatMap(({ groups }) => groups.map(({ state }) => state)).join()
      && states.toSorted().join() === there.map(({ rep, presence }) => `${rep} ${presence}`).toSorted().join();
  });
  await page.locator('.rep[data-rep=alice]').click();
  await page.locator('.why .decides', { hasText: 'by hand' }).waitFor();
  await page.keyboard.press('Escape');
  // Nobody but a supervisor: not a rep who is none.
  for (const path of ['events', 'history', `decisions/${sam.id}`, 'webhooks']) {
    assert.equal((await alice.page.request.get(`${base}/wall/${path}`)).status(), 403, path);
  }
  await sam.end();
  await alice.signOut();
  await close();
});

test('a broken promise is on the wall, and its reasons are one key away; axe-core finds nothing in light and dark', async () => {
  const { page, close } = await wall_();
  const both = async (what) => {
    for (const scheme of ['dark', 'light']) {
      await page.evaluate((theme) => { document.documentElement.dataset.theme = theme; }, scheme);
      await check(page, `${what} in ${scheme}`);
    }
  };
  const alice = await console_('alice');
  const { capacity } = await adminRep('alice');
  const held = [];
  for (let number = 0; number < capacity; number += 1) {
    const name = `Held${number}`;
    held.push(await shopper(name, 'takes long'));
    await alice.take(name);
  }
  const late = await shopper('Late', 'in a hurry');
  const bar = page.locator(`.waiting[data-ticket="${late.id}"]`);
  await bar.filter({ hasText: 'promised' }).waitFor();
  await eventually('the promise is over', () => bar.evaluate(({ classList }) => classList.contains('over')), 40_000);
  await both('a wall with a promise that is over');
  await held.pop().end();
  await alice.take('Late');
  const broken = page.locator('.broken-one').first();
  await broken.filter({ hasText: /answered after .* promised/ }).waitFor();
  // By keyboard alone: to it, into it, out of it again.
  await page.evaluate(() => document.activeElement?.blur());
  for (let presses = 0; presses < 60 && !await broken.evaluate((one) => one === document.activeElement); presses += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const why = page.locator('dialog.why');
  await why.locator('.reasons li', { hasText: 'Alice' }).or(why.locator('.reasons li', { hasText: 'alice' })).first().waitFor();
  const told = await (await fetch(`${base}/v1/admin/decisions/${late.id}`, { headers: { authorization: `Bearer ${server.admin_key}` } })).json();
  const reasons = await why.locator('.reasons li').allTextContents();
  assert.deepEqual(reasons.toSorted(), told.decisions.flatMap(({ reasons: all }) => all).toSorted());
  await both('the reasons');
  await page.keyboard.press('Escape');
  await eventually('back where it was', () => broken.evaluate((one) => one === document.activeElement));
  await late.end();
  for (const one of held) await one.end();
  await alice.signOut();
  await close();
});

test('a wall of 1920 by 1080 needs no scrolling however many wait, and tells how many it does not show', async () => {
  const { page, close } = await wall_();
  const stream = JSON.parse(await page.evaluate(() => new Promise((resolve) => {
    const source = new EventSource('/wall/events');
    source.addEventListener('wall', ({ data }) => { source.close(); resolve(data); });
  })));
  const [site] = stream.sites;
  const group = { ...site.groups[0], state: 'available', available: 2, who: ['Alice', 'Erin'], queued: 3, wait: null };
  const shop = { ...site, groups: ['Cameras', 'Lenses', 'Printing'].flatMap((name) => ['standard', 'gold', 'platinum'].map((tier) => ({ ...group, name, skill: name, tier }))) };
  const people = Array.from({ length: 10 }, (_, number) => ({ ...stream.reps[0], rep: `rep${number}`, name: `Rep ${number}`, state: 'available', rule: 'available', decided_by: 'hand', since: Date.now() - 3_600_000, capacity: 3 }));
  const broken = Array.from({ length: 12 }, (_, number) => ({ ticket: `b${number}`, at: Date.now() - number, waited_s: 90, promised_s: 60, left: false }));
  const minute = (ago) => ({ at: Math.floor(Date.now() / 60_000 - ago) * 60_000, queued: 4, open: 3, available: 2, answered: 2, waited_sum: 80, waited_most: 50, promised: 2, promised_sum: 60, low_sum: 20, high_sum: 140 });
  let waiting = 0;
  let [sites, reps] = [[shop], people.slice(0, 6)];
  await page.route('**/wall/webhooks', (route) => route.fulfill({ json: { items: [], may_replay: true } }));
  await page.route('**/wall/history', (route) => route.fulfill({ json: { minutes: Array.from({ length: 90 }, (_, ago) => minute(90 - ago)) } }));
  await page.route('**/wall/events', (route) => {
    const queue = Array.from({ length: waiting }, (_, number) => ({ ticket: `t${number}`, site: site.id, skills: ['Cameras'], tier: 'standard', state: 'queued', rep: null, asked_at: stream.at - number * 1000, position: number + 1, wait: null, promised: { seconds: 60, low: 20, high: 120, confidence: 0.8 } }));
    return route.fulfill({ contentType: 'text/event-stream', body: `event: wall\ndata: ${JSON.stringify({ ...stream, sites, reps, queue, broken, at: Date.now() })}\n\n` });
  });
  for (const [count, isMany] of [[0], [4], [9], [9, true], [60]]) {
    waiting = count;
    // One site with six reps, or as many as the demo has.
    [sites, reps] = isMany ? [['shop', 'library', 'bank'].map((id) => ({ ...shop, id })), people] : [[shop], people.slice(0, 6)];
    await page.setViewportSize({ width: 1920, height: 1080 });
    await page.reload();
    await page.locator(`.rep[data-rep=rep${reps.length - 1}]`).waitFor();
    await page.locator('.waiting').nth(waiting - 1).waitFor({ state: waiting ? 'attached' : 'detached' });
    await eventually(`${waiting} fit`, () => page.evaluate(() => document.documentElement.scrollHeight <= innerHeight && [...document.querySelectorAll('.panel, .chart, .waiting, .broken-one, .rest')].every((one) => one.getBoundingClientRect().bottom <= innerHeight)));
    const shown = await page.locator('.waiting:visible').count();
    const rest = page.locator('.queue-panel .rest');
    if (shown === waiting) assert.equal(await rest.isVisible(), false);
    else assert.equal(await rest.textContent(), `and ${waiting - shown} more`);
    assert.ok(shown >= Math.min(waiting, 6), `${shown} of ${waiting} are shown`);
    if (waiting < 60) continue;
    await check(page, 'a full wall');
    await rest.click();
    assert.equal(await page.locator('.waiting:visible').count(), waiting);
    await rest.click();
    assert.equal(await page.locator('.waiting:visible').count(), shown);
    await page.setViewportSize({ width: 360, height: 720 });
    await eventually('all are shown', async () => await page.locator('.waiting:visible').count() === waiting);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    await keep(page, 'staff a full wall');
  }
  await close();
});

test('the wall has events sent again that were given up', async () => {
  const { page, close } = await wall_();
  const panel = page.locator('.programs-panel');
  await panel.locator('li', { hasText: /events for backend could not be delivered/ }).waitFor();
  await check(page, 'a wall with a program that could not be told');
  const { items: [{ dead }] } = await admin('webhooks');
  const taken = [];
  const listener = createHttpServer((request, response) => {
    taken.push(request.headers['webhook-id']);
    request.resume().on('end', () => response.writeHead(204).end());
  });
  await new Promise((resolve) => { listener.listen(server.webhook_port, '127.0.0.1', resolve); });
  await panel.locator('.button', { hasText: 'Send again' }).focus();
  await page.keyboard.press('Enter');
  await page.locator('[role=status]', { hasText: `${dead} events are sent again.` }).waitFor();
  await eventually('all are delivered', async () => {
    const { items: [told] } = await admin('webhooks');
    return told.dead === 0 && told.waiting === 0;
  }, 20_000);
  assert.equal(new Set(taken).size, dead);
  assert.equal(await panel.isVisible(), false);
  listener.close();
  await close();
});

// C1 and C2 of docs/security-tests.md: whatever a phone, a shop or a shopper says is text on the pages of the staff.
const BASES = ['<script>hit()</script>', '<img src=x onerror=hit()>', '<svg onload=hit()>', '<iframe srcdoc="<script>parent.hit()</script>">', '<a href="javascript:hit()">x</a>', '<body onload=hit()>',
  '<math><mtext><img src=x onerror=hit()>', '<details open ontoggle=hit()>', '<input autofocus onfocus=hit()>', '<style>@import "//evil.example"</style>', '<base href="//evil.example/">', '<meta http-equiv=refresh content="0;url=javascript:hit()">',
  '{{constructor.constructor("hit()")()}}', '${hit()}', '#{hit()}', '<%= hit() %>', '[[${hit()}]]', '{{=hit()}}', '{%raw%}hit(){%endraw%}', 'javascript:hit()', 'data:text/html,<script>hit()</script>', '\u202ehit()', '<x-y is=hit>', '&lt;script&gt;hit()&lt;/script&gt;', '<template shadowrootmode=open><script>hit()</script></template>'];
const WRAPS = [(x) => x, (x) => `"${x}`, (x) => `'${x}`, (x) => `\`${x}`, (x) => `">${x}`, (x) => `'>${x}`, (x) => `</p>${x}`, (x) => `</textarea>${x}`, (x) => `<!--${x}`, (x) => `-->${x}`, (x) => `]]>${x}`, (x) => `\n${x}`, (x) => `${x}\t`, (x) => `\ufeff${x}`, (x) => x.toUpperCase(), (x) => `a ${x} b`, (x) => `\\${x}`, (x) => `%3C${x}`, (x) => `${x}${x}`, (x) => `x" onx=hit() ${x}`];
const PAYLOADS = BASES.flatMap((one) => WRAPS.map((wrap) => wrap(one)));
const FOREIGN = 'script:not([src]), img, iframe, style, base, meta[http-equiv], math, details, x-y, template, [onload], [onerror], [onfocus], a[href^="javascript:"], a[href^="data:"]';

/** Every text of the document replaced by the next payload, where it is no word of the protocol. */
function poison(value, next, name = '') {
  const kept = ['type', 'stand', 'state', 'from', 'kind', 'at', 'rule', 'decided_by', 'hand', 'opens'];
  if (typeof value === 'string') return kept.includes(name) ? value : next();
  if (Array.isArray(value)) return value.map((one) => poison(one, next, name));
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, poison(one, next, key)]));
  return value;
}

const hits = (page) => page.evaluate((foreign) => ({ hits: window.hits ?? 0, foreign: [...document.querySelectorAll(foreign)].map(({ outerHTML }) => outerHTML) }), FOREIGN);

test('five hundred hostile texts in every field of the console are shown as they are', async () => {
  assert.equal(PAYLOADS.length, 500);
  const opened = await open('/console/');
  const { page } = opened;
  await page.addInitScript(() => { window.hits = 0; window.hit = () => { window.hits += 1; }; });
  let number = 0;
  const next = () => PAYLOADS[number++ % PAYLOADS.length];
  const wait = { seconds: 60, low: 20, high: 120, confidence: 0.8 };
  await page.routeWebSocket('**/console/ws', (socket) => {
    const tell = (frame) => socket.send(JSON.stringify(frame));
    socket.onMessage((text) => {
      const frame = JSON.parse(text);
      if (frame.type === 'use') tell({ type: 'pulse', now: Date.now() });
      if (frame.type !== 'open') return;
      tell(poison({ type: 'hello', rep: 'x', name: 'x', supervisor: true, idle_after_s: 300, skills: [{ id: 'x', name: 'x' }], canned: Array.from({ length: 20 }, () => ({ name: 'x', text: 'x' })) }, next));
      tell({ type: 'presence', state: 'available', decided_by: 'hand', rule: 'available', activity: next(), since: Date.now(), others: 0 });
      tell(poison({ type: 'team', reps: Array.from({ length: 20 }, () => ({ rep: 'x', name: 'x', state: 'available', free: true, skills: ['x'] })) }, next));
      const ticket = (id, stand) => ({ ...poison({ site: 'x', skills: [{ id: 'x', name: 'x' }], tier: 'x', name: 'x', case: 'x', phone: 'x', page: 'x', lang: 'x', details: [['x', 'x'], ['x', 'x']], handed_on_by: 'x' }, next), ticket: id, stand, until: stand === 'offered' ? Date.now() + 60_000 : null, since: stand === 'open' ? Date.now() : null, asked_at: Date.now(), promised: wait, seen: 0 });
      const tickets = Array.from({ length: 60 }, (_, at) => ticket(`t${at}`, at < 20 ? 'offered' : 'open'));
      // The page that a link is made of: only the web's own.
      tickets[20].page = 'javascript:hit()';
      tell({ type: 'seat', now: Date.now(), state: 'available', free: true, capacity: 60, on_calls: 0, paused: false, paused_until: null, doubted_until: null, wrap_ups: [], tickets });
      for (const [at, text] of PAYLOADS.entries()) tell({ type: 'line', ticket: 't20', seq: at + 1, from: ['shopper', 'rep', 'system'][at % 3], name: text, text, at: new Date().toISOString() });
      tell({ type: 'letter', delivery: 1, ticket: 't20', kind: 'note', text: next() });
      tell({ type: 'error', about: 'say', title: next(), status: 422, detail: next() });
    });
  });
  await page.fill('#user', 'alice');
  await page.fill('#password', server.passwords.alice);
  await page.keyboard.press('Enter');
  await page.locator('.conversations .talk').nth(39).waitFor({ state: 'attached' });
  for (let at = 0; at < 40; at += 1) {
    await page.locator('.conversations .talk').nth(at).evaluate((button) => button.click());
    assert.deepEqual(await hits(page), { hits: 0, foreign: [] }, `conversation ${at}`);
  }
  await page.locator('.conversations .talk').first().evaluate((button) => button.click());
  const lines = await page.locator('.log .line').allTextContents();
  assert.deepEqual(PAYLOADS.filter((text) => !lines.includes(text)), []);
  await page.locator('.talk-head .buttons .button').first().click();
  await page.keyboard.press('Escape');
  await page.fill('#text', '/');
  assert.deepEqual(await hits(page), { hits: 0, foreign: [] });
  await opened.close();
});

test('five hundred hostile texts in every field of the wall are shown as they are', async () => {
  const { page, close } = await wall_();
  const stream = await page.evaluate(() => new Promise((resolve) => {
    const source = new EventSource('/wall/events');
    source.addEventListener('wall', ({ data }) => { source.close(); resolve(data); });
  }));
  let number = 0;
  const next = () => PAYLOADS[number++ % PAYLOADS.length];
  const document_ = JSON.parse(stream);
  const rep = { ...document_.reps[0], state: 'available' };
  const ticket = { ticket: 'x', site: 'x', skills: ['x'], tier: 'x', state: 'queued', rep: 'x', asked_at: Date.now(), position: 1, wait: null, promised: { seconds: 60, low: 20, high: 120, confidence: 0.8 } };
  const hostile = poison({ ...document_, reps: Array.from({ length: 60 }, () => rep), queue: Array.from({ length: 60 }, () => ticket), broken: Array.from({ length: 12 }, () => ({ ticket: 'x', at: Date.now(), waited_s: 9, promised_s: 3, left: false })) }, next);
  assert.ok(number > 300, `${number} fields`);
  await page.addInitScript(() => { window.hits = 0; window.hit = () => { window.hits += 1; }; });
  await page.route('**/wall/events', (route) => route.fulfill({ contentType: 'text/event-stream', body: `event: wall\ndata: ${JSON.stringify(hostile)}\n\n` }));
  await page.route('**/wall/decisions/*', (route) => route.fulfill({ json: { ticket: next(), decisions: Array.from({ length: 32 }, () => ({ at: new Date().toISOString(), outcome: next(), rep: next(), reasons: PAYLOADS })) } }));
  await page.route('**/wall/presentities/*', (route) => route.fulfill({ json: { reason: next(), sources: Array.from({ length: 9 }, () => ({ kind: next(), rule: next(), for_s: 1, good_for_s: 2, decides: true })) } }));
  await page.reload();
  await page.locator('.waiting').nth(59).waitFor({ state: 'attached' });
  assert.deepEqual(await hits(page), { hits: 0, foreign: [] });
  for (const one of ['.waiting', '.rep', '.broken-one']) {
    await page.locator(one).first().evaluate((button) => button.click());
    await page.locator('.why .reasons li').first().waitFor();
    assert.deepEqual(await hits(page), { hits: 0, foreign: [] }, one);
    await page.keyboard.press('Escape');
  }
  await close();
});
