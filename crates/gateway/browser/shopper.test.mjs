// Shoppers in two browsers and a rep at a softphone against a real server, which `crates/deskbell/tests/shoppers.rs`
// starts: DESKBELL_SERVER tells where it is. Must not know the server's inside.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startBrowser, startShopper } from './page-driver.mjs';
import { startNetwork, startPhone } from './surroundings.mjs';

const server = JSON.parse(process.env.DESKBELL_SERVER);
const base = `http://${server.http}`;
const SHOP = '<!doctype html><html lang="en"><title>shop</title><script type="module" src="/widget.js"></script><deskbell-help site="shop" skill="cameras"></deskbell-help>';
let browsers;
let alice;
before(async () => {
  browsers = await Promise.all([startBrowser(), startBrowser()]);
  alice = await startPhone(server, 'alice');
});
after(async () => {
  await alice?.quit();
  await Promise.all(browsers.map((browser) => browser.close()));
});

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A shopper on a page of the shop, before any click. */
async function shopper(browser, { at = base, watch = () => {} } = {}) {
  const one = await startShopper({ base: at, browser });
  await one.context.route('**/shop', (route) => route.fulfill({ contentType: 'text/html', body: SHOP }));
  await watch(one);
  await one.open({ url: '/shop' });
  return one;
}

async function asks(one, name, message) {
  await one.clickBell();
  await one.start({ name, message });
  await one.waitLine({ from: 'shopper', text: message });
  const kept = Object.values((await one.storage()).session).map((text) => JSON.parse(text)).find(({ token }) => token);
  return async () => (await (await fetch(`${base}/v1/tickets/${kept.id}`, { headers: { authorization: `Bearer ${kept.token}` } })).json()).state;
}

/** Where the rep's answers go: the conversation that offered this. */
const offered = async (text) => /<?(sip:[^>;]+)/.exec((await alice.does({ do: 'wait-message', text })).message.from)[1];
const answers = async (to, text) => assert.ok((await alice.does({ do: 'say', to, text })).status < 300);
const said = async (one) => (await one.lines()).lines.filter(({ from }) => from !== 'system').map(({ from, text }) => `${from}: ${text}`);

test('before the click: what is asked for, how much of it, and that nothing is kept', async (t) => {
  const asked = new Map();
  const one = await shopper(browsers[0], {
    watch: async ({ context, page }) => {
      const session = await context.newCDPSession(page);
      await session.send('Network.enable');
      session.on('Network.requestWillBeSent', ({ requestId, request }) => asked.set(requestId, { path: new URL(request.url).pathname, bytes: 0 }));
      const add = (requestId, bytes) => { if (asked.has(requestId)) asked.get(requestId).bytes += bytes; };
      session.on('Network.responseReceived', ({ requestId, response }) => add(requestId, response.encodedDataLength));
      // A stream tells of its pieces unpacked, as it sends them; a whole answer tells once how long it was with its headers.
      session.on('Network.dataReceived', ({ requestId, dataLength }) => add(requestId, dataLength));
      session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => { if (asked.has(requestId)) asked.get(requestId).bytes = encodedDataLength; });
    },
  });
  await one.waitState({ state: 'available' });
  const ours = [...asked.values()].filter(({ path }) => !['/shop', '/favicon.ico'].includes(path)).sort((a, b) => (a.path < b.path ? -1 : 1));
  t.diagnostic(`requests: ${ours.map(({ path, bytes }) => `${path} ${bytes} B`).join(', ')}`);
  assert.deepEqual(ours.map(({ path }) => path), ['/v1/sites/shop/presence/events', '/widget.js']);
  const [stream, widget] = ours.map(({ bytes }) => bytes);
  assert.ok(widget > 3 * 1024 && widget <= 7 * 1024, `the bell with its headers: ${widget}`);
  assert.ok(stream > 500 && stream <= 4 * 1024, `the state of the site with its headers: ${stream}`);
  assert.deepEqual(await one.storage(), { cookies: [], local: {}, session: {} });
  await one.context.close();
});

test('two shoppers in two browsers talk to one rep at a softphone, each of their own', async () => {
  const [sam, noor] = await Promise.all(browsers.map((browser) => shopper(browser)));
  await Promise.all([sam, noor].map((one) => one.waitState({ state: 'available' })));
  const isSams = await asks(sam, 'Sam', 'which camera for birds?');
  const toSam = await offered('which camera for birds?');
  await answers(toSam, 'Sam, how far away are they?');
  await sam.waitLine({ from: 'rep', text: 'how far away' });
  const isNoors = await asks(noor, 'Noor', 'does it rain in there?');
  const toNoor = await offered('does it rain in there?');
  assert.notEqual(toSam, toNoor);
  await answers(toNoor, 'Noor, it does not.');
  await noor.waitLine({ from: 'rep', text: 'it does not' });
  for (let turn = 1; turn <= 3; turn += 1) {
    await Promise.all([sam.say({ text: `sam ${turn}` }), noor.say({ text: `noor ${turn}` })]);
    await offered(`sam ${turn}`);
    await offered(`noor ${turn}`);
    await answers(toNoor, `for noor ${turn}`);
    await answers(toSam, `for sam ${turn}`);
    await sam.waitLine({ from: 'rep', text: `for sam ${turn}` });
    await noor.waitLine({ from: 'rep', text: `for noor ${turn}` });
  }
  const talk = (name, first, answer) => [`shopper: ${first}`, `rep: ${answer}`, ...[1, 2, 3].flatMap((turn) => [`shopper: ${name} ${turn}`, `rep: for ${name} ${turn}`])];
  assert.deepEqual(await said(sam), talk('sam', 'which camera for birds?', 'Sam, how far away are they?'));
  assert.deepEqual(await said(noor), talk('noor', 'does it rain in there?', 'Noor, it does not.'));
  await answers(toSam, '/end');
  await sam.panel().locator('.end').waitFor();
  assert.equal(await isSams(), 'closed');
  assert.equal(await isNoors(), 'open');
  await noor.end();
  assert.equal(await isNoors(), 'closed');
  for (const one of [sam, noor]) {
    assert.deepEqual((await one.errors()).errors.filter(({ kind }) => kind === 'page'), []);
    await one.context.close();
  }
});

test('a network that is gone for 20 seconds costs no line and doubles none; who waits out of reach keeps the place for its time', { timeout: 90_000 }, async () => {
  const network = await startNetwork(server.http);
  const [sam, noor] = await Promise.all(browsers.map((browser) => shopper(browser, { at: network.url })));
  const isSams = await asks(sam, 'Sam', 'before the cut');
  const toSam = await offered('before the cut');
  await answers(toSam, 'rep 0');
  await sam.waitLine({ from: 'rep', text: 'rep 0' });
  // The rep has room for one more offer, and is not there for it.
  await alice.does({ do: 'publish', basic: 'open', note: 'Busy', activity: 'busy' });
  const isNoors = await asks(noor, 'Noor', 'and I wait');
  assert.equal(await isNoors(), 'queued');
  network.cut();
  const cut = Date.now();
  await sam.say({ text: 'sam 1' });
  await answers(toSam, 'rep 1');
  await sam.say({ text: 'sam 2' });
  await answers(toSam, 'rep 2');
  await sam.panel().locator('.strip', { hasText: 'Reconnecting' }).waitFor({ timeout: 19_000 });
  await sam.say({ text: 'sam 3' });
  await pause(20_000 - (Date.now() - cut));
  assert.equal(await isSams(), 'open');
  network.mend();
  await sam.waitLine({ from: 'shopper', text: 'sam 3', timeout_ms: 20_000 });
  await sam.waitLine({ from: 'rep', text: 'rep 2', timeout_ms: 20_000 });
  const lines = await said(sam);
  const of = (from) => lines.filter((line) => line.startsWith(from));
  assert.deepEqual(of('rep'), ['rep: rep 0', 'rep: rep 1', 'rep: rep 2']);
  assert.deepEqual(of('shopper'), ['shopper: before the cut', 'shopper: sam 1', 'shopper: sam 2', 'shopper: sam 3']);
  for (const line of ['sam 1', 'sam 2', 'sam 3']) await offered(line);
  await answers(toSam, 'after it');
  await sam.waitLine({ from: 'rep', text: 'after it' });
  // Noor was missed within seconds, and her place was kept for as long as the configuration says.
  assert.equal(await isNoors(), 'abandoned');
  await noor.panel().locator('.end').waitFor({ timeout: 20_000 });
  assert.ok((await noor.lines()).lines.some(({ from, text }) => from === 'system' && text.includes('out of reach')));
  await sam.end();
  await alice.does({ do: 'publish', basic: 'open', note: 'Here' });
  for (const one of [sam, noor]) await one.context.close();
  network.close();
});
