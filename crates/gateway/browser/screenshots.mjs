// Pictures of every state of the bell and the panel, and of the three sites, against the mock: `node screenshots.mjs [DIRECTORY]`.
// Must not test anything; widget.test.mjs does.

import { mkdirSync } from 'node:fs';
import { startMock } from './mock-gateway.mjs';
import { startShopper } from './page-driver.mjs';

const directory = process.argv[2] ?? 'screenshots';
mkdirSync(directory, { recursive: true });
const wait = { seconds: 240, low: 120, high: 420, confidence: 0.8 };

async function scene(width, height, scheme) {
  const mock = await startMock();
  const shopper = await startShopper({ base: mock.url, width, height, scheme });
  const shot = (name, options = {}) => shopper.screenshot({ file: `${directory}/${name}-${width}-${scheme}.png`, ...options });
  mock.onTicket = (ticket) => Object.assign(ticket, { position: 2, wait });
  const settle = () => shopper.page.waitForTimeout(150);

  await shopper.open();
  await shopper.waitState({ state: 'closed' });
  await shot('closed');
  await shopper.clickBell({ skill: 'cameras' });
  await shot('form-closed');
  await shopper.panel().locator('#message').fill('Is the Norden 35 in stock in black?');
  await shopper.panel().locator('#email').fill('noor@mail.example');
  await shopper.panel().locator('button[type=submit]').click();
  await shopper.panel().locator('.left').waitFor();
  await shot('message-left');
  await shopper.press({ key: 'Escape' });

  mock.setGroups({ skill: 'cameras' }, { state: 'wait', busy: 2, offline: 0, queued: 3, wait });
  mock.setGroups({ skill: 'lenses' }, { state: 'wait', away: 1, wait: null });
  await shopper.waitState({ state: 'wait', skill: 'cameras' });
  await shopper.bell('cameras').locator('.bell').hover();
  await shot('waiting');

  mock.setGroups({ skill: 'cameras' }, { state: 'available', available: 3, busy: 1, wait: null });
  mock.setGroups({ skill: 'printing' }, { state: 'available', available: 1 });
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  await shopper.page.mouse.move(10, 10);
  for (const text of ['PUBLISH sip:alice@shop.example 200 OK: open', 'GET /v1/sites/shop/presence/events 200', 'PUBLISH sip:bob@shop.example 200 OK: on the phone']) mock.happened(text.startsWith('GET') ? 'http' : 'sip', text);
  await shot('available');
  await shot('page', { full: true });

  await shopper.clickBell({ skill: 'cameras' });
  await shot('form');
  await shopper.press({ key: 'Escape' });
  const usual = mock.form;
  mock.form = {
    ...usual, phone: 'optional', email: 'optional', consent: 'You may ring me about this question.',
    fields: [{ id: 'branch', label: 'Branch', required: true, choices: ['Harbour', 'Hill'] }],
  };
  await shopper.open();
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  await shopper.clickBell({ skill: 'cameras' });
  await shopper.panel().locator('#consent').waitFor();
  await shopper.panel().locator('#message').fill('Does the Norden 35 focus well in the dark?');
  await shopper.panel().locator('button[type=submit]').click();
  await settle();
  await shot('form-of-the-site');
  mock.form = { ...usual, phone: 'optional', you: { name: 'Noor', phone_ends: '89', rep: 'Alice' } };
  await shopper.open();
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  await shopper.clickBell({ skill: 'cameras' });
  await shopper.panel().getByText('You are known here').waitFor();
  await shot('form-known');
  mock.form = usual;
  await shopper.open();
  await shopper.waitState({ state: 'available', skill: 'cameras' });
  await shopper.clickBell({ skill: 'cameras' });
  mock.refuse.tickets = { status: 429, retryAfter: 30 };
  await shopper.panel().locator('#message').fill('Does the Norden 35 focus well in the dark?');
  await shopper.panel().locator('button[type=submit]').click();
  await settle();
  await shot('too-many');
  mock.refuse.tickets = null;
  await shopper.start({ name: 'Noor', message: 'Does the Norden 35 focus well in the dark? I photograph small concerts.' });
  await shopper.waitLine({ from: 'shopper', text: 'concerts' });
  await shot('panel-waiting');
  const [ticket] = mock.tickets.values();
  ticket.change({ state: 'offered', rep: 'Alice' });
  await settle();
  await shot('panel-offered');
  ticket.change({ state: 'open', rep: 'Alice' });
  ticket.line({ from: 'system', text: 'Alice has joined.' });
  ticket.line({ from: 'rep', name: 'Alice', text: 'Hello Noor! It does: down to about candle light.' });
  ticket.line({ from: 'rep', name: 'Alice', text: 'For a stage further away than six metres I would look at the Norden R with the 85 mm, though.' });
  await shopper.say({ text: 'Mostly the first row, so four metres or less.' });
  await shopper.waitLine({ from: 'shopper', text: 'first row' });
  ticket.line({ from: 'rep', name: 'Alice', text: 'Then the 35 is right. Shall I show you two pictures taken like that?' });
  await shopper.say({ text: 'Yes please' });
  await shopper.waitLine({ from: 'shopper', text: 'Yes please' });
  ticket.change({ state: 'open', rep: 'Alice', delivered: 7 });
  ticket.typing();
  await settle();
  await shot('conversation');
  ticket.change({ state: 'queued', rep: undefined, position: 1, wait: { ...wait, seconds: 60, low: 20, high: 120 } });
  ticket.line({ from: 'system', text: 'We are finding somebody else for you.' });
  await settle();
  await shot('rep-changed');
  ticket.change({ state: 'callback', rep: 'Alice' });
  await settle();
  await shot('callback');
  ticket.change({ state: 'open', rep: 'Alice', delivered: 7 });
  mock.refuse.sockets = true;
  ticket.drop();
  await shopper.page.waitForTimeout(900);
  await shopper.say({ text: 'Are you still there?' });
  await settle();
  await shot('reconnecting');
  mock.refuse.sockets = false;
  await shopper.waitLine({ from: 'shopper', text: 'still there' });
  await shopper.panel().locator('[part=end]').click();
  await shot('confirm-end');
  await shopper.panel().locator('.confirm .danger').click();
  await shopper.panel().locator('.end').waitFor();
  await shopper.panel().locator('.star').nth(3).click();
  await shot('ended');
  await shopper.quit();
  await mock.close();
}

/** The other two sites, whole, and the panel where one reads from right to left. */
async function places(width, height, scheme) {
  const mock = await startMock();
  const shopper = await startShopper({ base: mock.url, width, height, scheme });
  const shot = (name, options = {}) => shopper.screenshot({ file: `${directory}/${name}-${width}-${scheme}.png`, ...options });
  mock.pages.set('/ar', '<!doctype html><html lang="ar" dir="rtl"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>x</title><script type="module" src="/widget.js"></script><deskbell-help site="shop" skill="cameras" topic="الكاميرات"></deskbell-help>');
  mock.setGroups({}, { state: 'available', available: 3 });
  for (const site of ['library', 'bank']) {
    await shopper.open({ url: `/${site}/` });
    await shopper.waitState({ state: 'available' });
    await shot(site, { full: true });
    await shopper.page.locator('.drawer-toggle').click();
    mock.happened('sip', `PUBLISH from a rep of the ${site} 200 OK`);
    await shot(`${site}-drawer`);
  }
  mock.onTicket = (ticket) => Object.assign(ticket, { position: 2, wait });
  await shopper.open({ url: '/ar' });
  await shopper.waitState({ state: 'available' });
  await shot('rtl');
  await shopper.clickBell();
  await shot('rtl-form');
  await shopper.start({ name: 'نور', message: 'هل تعمل هذه الكاميرا تحت المطر؟' });
  await shopper.waitLine({ from: 'shopper', text: 'المطر' });
  await shot('rtl-waiting');
  const [ticket] = mock.tickets.values();
  ticket.change({ state: 'open', rep: 'Alice' });
  ticket.line({ from: 'rep', name: 'Alice', text: 'أهلًا نور! نعم، هيكلها محمي من المطر.' });
  await shopper.waitLine({ from: 'rep', text: 'نور' });
  await shot('rtl-open');
  await shopper.end();
  await shot('rtl-ended');
  await shopper.quit();
  await mock.close();
}

for (const [width, height] of [[1280, 800], [360, 720]]) {
  for (const scheme of ['light', 'dark']) {
    await scene(width, height, scheme);
    await places(width, height, scheme);
  }
}
