// Pictures of every state of the bell and the panel, and of the three sites, against the mock: `node screenshots.mjs [DIRECTORY]`.
// Must not test anything; widget.test.mjs does.

import { mkdirSync } from 'node:fs';
import { startMock } from './mock-gateway.mjs';
import { startShopper } from './page-driver.mjs';

const directory = process.argv[2] ?? 'screenshots';
mkdirSync(directory, { recursive: true });
/** Nine o'clock on the next day, where the pictures are taken. */
const tomorrow = new Date(new Date().setHours(24 + 9, 0, 0, 0)).toISOString();
const wait = { seconds: 240, low: 120, high: 420, confidence: 0.8 };

/** A page in Arabic, with a second bell where it stands. */
const ARABIC = `<!doctype html><html lang="ar" dir="rtl"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>x</title><script type="module" src="/widget.js"></script>
<p><deskbell-help inline site="shop" skill="lenses" topic="العدسات"></deskbell-help></p><deskbell-help site="shop" skill="cameras" topic="الكاميرات"></deskbell-help>`;

/** What is said in each state, where the page is read from left to right and where it is not. */
const WORDS = {
  '': {
    url: '/', name: 'Noor', ask: 'Does the Norden 35 focus well in the dark? I photograph small concerts.', first: 'Hello Noor! It does: down to about candle light.',
    second: 'For a stage further away than six metres I would look at the Norden R with the 85 mm, though.', answer: 'Mostly the first row, so four metres or less.',
    third: 'Then the 35 is right. Shall I show you two pictures taken like that?', yes: 'Yes please', joined: 'Alice has joined.', other: 'We are finding somebody else for you.',
    held: 'Are you still there?', consent: 'You may ring me about this question.', branch: 'Branch', choices: ['Harbour', 'Hill'],
  },
  'rtl-': {
    url: '/ar', name: 'نور', ask: 'هل تركّز كاميرا Norden 35 جيدًا في الظلام؟ أصوّر حفلات صغيرة.', first: 'أهلًا نور! نعم، حتى في ضوء الشموع تقريبًا.',
    second: 'أما لمسرح أبعد من ستة أمتار فأنصح بكاميرا Norden R مع عدسة 85 مم.', answer: 'غالبًا من الصف الأول، أي أربعة أمتار أو أقل.',
    third: 'إذن 35 هي المناسبة. هل أريك صورتين التُقطتا هكذا؟', yes: 'نعم من فضلك', joined: 'انضمت Alice.', other: 'نبحث لك عن شخص آخر.',
    held: 'هل ما زلت هنا؟', consent: 'يمكنكم الاتصال بي بشأن هذا السؤال.', branch: 'الفرع', choices: ['الميناء', 'التل'],
  },
};

async function scene(width, height, scheme, prefix = '') {
  const words = WORDS[prefix];
  const mock = await startMock();
  mock.pages.set('/ar', ARABIC);
  const shopper = await startShopper({ base: mock.url, width, height, scheme });
  const shot = (name, options = {}) => shopper.screenshot({ file: `${directory}/${prefix}${name}-${width}-${scheme}.png`, ...options });
  const open = async () => {
    await shopper.open({ url: words.url });
    await shopper.waitState({ state: 'available', skill: 'cameras' });
  };
  mock.onTicket = (ticket) => Object.assign(ticket, { position: 2, wait });
  const settle = () => shopper.page.waitForTimeout(150);

  await shopper.open({ url: words.url });
  await shopper.waitState({ state: 'closed' });
  await shot('closed');
  mock.setGroups({ skill: 'cameras' }, { state: 'closed', opens: tomorrow });
  await settle();
  await shot('closed-opens');
  await shopper.clickBell({ skill: 'cameras' });
  await shot('form-closed');
  await shopper.panel().locator('#message').fill(words.ask);
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
  mock.setGroups({ skill: 'cameras' }, { wait: null });
  await settle();
  await shot('no-estimate');
  await shopper.offline();
  await shopper.waitState({ state: 'lost', skill: 'cameras' });
  await shot('not-connected');
  await shopper.offline({ on: false });

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
    ...usual, phone: 'optional', email: 'optional', consent: words.consent,
    fields: [{ id: 'branch', label: words.branch, required: true, choices: words.choices }],
  };
  await open();
  await shopper.clickBell({ skill: 'cameras' });
  await shopper.panel().locator('#consent').waitFor();
  await shopper.panel().locator('#message').fill(words.ask);
  await shopper.panel().locator('button[type=submit]').click();
  await settle();
  await shot('form-of-the-site');
  mock.form = { ...usual, phone: 'optional', you: { name: words.name, phone_ends: '89', rep: 'Alice' } };
  await open();
  await shopper.clickBell({ skill: 'cameras' });
  await shopper.panel().locator('.fine .link').first().waitFor();
  await shot('form-known');
  mock.form = usual;
  await open();
  await shopper.clickBell({ skill: 'cameras' });
  mock.refuse.tickets = { status: 429, retryAfter: 30 };
  await shopper.panel().locator('#message').fill(words.ask);
  await shopper.panel().locator('button[type=submit]').click();
  await settle();
  await shot('too-many');
  mock.refuse.tickets = { status: 500 };
  await shopper.panel().locator('button[type=submit]').click();
  await settle();
  await shot('error');
  mock.refuse.tickets = null;
  await shopper.start({ name: words.name, message: words.ask });
  await shopper.waitLine({ from: 'shopper', text: words.ask });
  await shot('panel-waiting');
  const [ticket] = mock.tickets.values();
  ticket.change({ state: 'offered', rep: 'Alice' });
  await settle();
  await shot('panel-offered');
  ticket.change({ state: 'open', rep: 'Alice' });
  ticket.line({ from: 'system', text: words.joined });
  ticket.line({ from: 'rep', name: 'Alice', text: words.first });
  ticket.line({ from: 'rep', name: 'Alice', text: words.second });
  await shopper.say({ text: words.answer });
  await shopper.waitLine({ from: 'shopper', text: words.answer });
  ticket.line({ from: 'rep', name: 'Alice', text: words.third });
  await shopper.say({ text: words.yes });
  await shopper.waitLine({ from: 'shopper', text: words.yes });
  ticket.change({ state: 'open', rep: 'Alice', delivered: 7 });
  ticket.typing();
  await settle();
  await shot('conversation');
  ticket.change({ state: 'queued', rep: undefined, position: 1, wait: { ...wait, seconds: 60, low: 20, high: 120 } });
  ticket.line({ from: 'system', text: words.other });
  await settle();
  await shot('rep-changed');
  ticket.change({ state: 'callback', rep: 'Alice', callback: { number: '+33•••••••89', stage: 'calling-you' } });
  await settle();
  await shot('callback');
  ticket.change({ state: 'open', rep: 'Alice', delivered: 7, callback: undefined });
  mock.refuse.sockets = true;
  ticket.drop();
  await shopper.page.waitForTimeout(900);
  await shopper.say({ text: words.held });
  await settle();
  await shot('reconnecting');
  mock.refuse.sockets = false;
  await shopper.waitLine({ from: 'shopper', text: words.held });
  await shopper.panel().locator('[part=end]').click();
  await shot('confirm-end');
  await shopper.panel().locator('.confirm .danger').click();
  await shopper.panel().locator('.end').waitFor();
  await shopper.panel().locator('.star').nth(3).click();
  await shot('ended');
  await shopper.quit();
  await mock.close();
}

/** The other two sites, whole. */
async function places(width, height, scheme) {
  const mock = await startMock();
  const shopper = await startShopper({ base: mock.url, width, height, scheme });
  const shot = (name, options = {}) => shopper.screenshot({ file: `${directory}/${name}-${width}-${scheme}.png`, ...options });
  mock.setGroups({}, { state: 'available', available: 3 });
  for (const site of ['library', 'bank']) {
    await shopper.open({ url: `/${site}/` });
    await shopper.waitState({ state: 'available' });
    await shot(site, { full: true });
    await shopper.page.locator('.drawer-toggle').click();
    mock.happened('sip', `PUBLISH from a rep of the ${site} 200 OK`);
    await shot(`${site}-drawer`);
  }
  await shopper.quit();
  await mock.close();
}

for (const [width, height] of [[1280, 800], [360, 720]]) {
  for (const scheme of ['light', 'dark']) {
    await scene(width, height, scheme);
    await scene(width, height, scheme, 'rtl-');
    await places(width, height, scheme);
  }
}
