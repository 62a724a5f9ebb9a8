// What the bell costs a page before the click: sizes of the scripts, and time of the browser's main thread beside the
// same page without it. `node cost.mjs` prints one line of JSON. Must not test anything; shopper.test.mjs does.

import { gzipSync } from 'node:zlib';
import { served, startMock } from './mock-gateway.mjs';
import { startShopper } from './page-driver.mjs';

const LOADS = 9;
/** Long enough for the state to be shown; nothing of ours runs in the page meanwhile. */
const SETTLED = 1000;
const MEASURES = ['TaskDuration', 'ScriptDuration', 'RecalcStyleDuration', 'LayoutDuration'];

const head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>x</title><p>A page.</p>';
const mock = await startMock();
mock.pages.set('/without', head);
mock.pages.set('/with', `${head}<script type="module" src="/widget.js"></script><deskbell-help site="shop" skill="cameras"></deskbell-help>`);
mock.setGroups({ skill: 'cameras' }, { state: 'available', available: 3, busy: 0, wait: null });
const shopper = await startShopper({ base: mock.url });
const session = await shopper.context.newCDPSession(shopper.page);
await session.send('Performance.enable');
await session.send('Network.enable');
// Each load compiles the scripts anew, as the first one of a visitor does.
await session.send('Network.setCacheDisabled', { cacheDisabled: true });

async function metrics() {
  const { metrics: all } = await session.send('Performance.getMetrics');
  return new Map(all.map(({ name, value }) => [name, value * 1000]));
}

async function load(path) {
  await shopper.page.goto('about:blank');
  const before = await metrics();
  await shopper.page.goto(mock.url + path);
  await new Promise((done) => setTimeout(done, SETTLED));
  const after = await metrics();
  return MEASURES.map((name) => after.get(name) - before.get(name));
}

const median = (numbers) => Math.round([...numbers].sort((a, b) => a - b)[numbers.length >> 1] * 10) / 10;
const loads = { with: [], without: [] };
for (let n = 0; n <= LOADS; n += 1) {
  for (const path of ['without', 'with']) {
    const times = await load(`/${path}`);
    // The first of each warms the browser.
    if (n > 0) loads[path].push(times);
  }
}
await shopper.waitState({ state: 'available' });
const milliseconds = Object.fromEntries(MEASURES.map((name, place) => {
  const [bell, page] = ['with', 'without'].map((path) => median(loads[path].map((times) => times[place])));
  return [name, { with: bell, without: page }];
}));
const scripts = ['widget.js', 'conversation.js', 'rating.js', 'texts/de.js', 'texts/fr.js', 'texts/es.js', 'texts/tr.js', 'texts/ar.js'];
const gzip = Object.fromEntries(await Promise.all(scripts.map(async (name) => [name, gzipSync(await served(`/${name}`), { level: 9 }).length])));
process.stdout.write(`${JSON.stringify({ loads: LOADS, main_thread_ms: milliseconds, gzip_bytes: gzip })}\n`);
await shopper.quit();
await mock.close();
