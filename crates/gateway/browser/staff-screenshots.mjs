// Pictures of the console and the wall in each of their states, against a server of its own:
// `node staff-screenshots.mjs PROGRAM [DIRECTORY]`, PROGRAM being a built deskbell. Must not test anything; console.test.mjs does.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { adminRep, console_, eventually, open, pause, server, shopper, start, stop } from './staff-driver.mjs';

const program = resolve(process.argv[2] ?? '../../../target/debug/deskbell');
const directory = process.argv[3] ?? 'screenshots';
mkdirSync(directory, { recursive: true });

const freePort = () => new Promise((found) => {
  const listener = createServer().listen(0, '127.0.0.1', () => {
    const { port } = listener.address();
    listener.close(() => found(port));
  });
});

const REPS = { alice: ['Alice Moreau', 'cameras = 90, lenses = 60'], bob: ['Bob Lindqvist', 'cameras = 50, printing = 80'], carol: ['Carol Okafor', 'lenses = 95'], dave: ['Dave Rossi', 'printing = 60, cameras = 30'], erin: ['Erin Sato', 'cameras = 70, lenses = 70, printing = 70'] };

async function serve() {
  const folder = mkdtempSync(join(tmpdir(), 'deskbell-pictures-'));
  const [sip, http] = [await freePort(), await freePort()];
  const table = (name, lines) => `[[${name}]]\n${Object.entries(lines).map(([key, value]) => `${key} = ${value}\n`).join('')}`;
  const named = (name, all) => all.map(([id, text]) => table(name, { id: `"${id}"`, ...(text && { name: `"${text}"` }) })).join('');
  writeFileSync(join(folder, 'deskbell.toml'), [
    `[sip]\ndomain = "shop.example"\naliases = ["127.0.0.1"]\nlisten = ["udp://127.0.0.1:${sip}"]\n`,
    `[http]\nlisten = "127.0.0.1:${http}"\n[storage]\nurl = "sqlite::memory:"\n`,
    named('skill', [['cameras', 'Cameras'], ['lenses', 'Lenses'], ['printing', 'Printing']]), named('tier', [['standard'], ['gold']]),
    table('site', { id: '"shop"', name: '"The Camera Shop"', skills: '["cameras", "lenses", "printing"]' }),
    table('admin_key', { id: '"pictures"', key: '"an-admin-key-for-pictures"', scopes: '["read", "write"]' }),
    ...Object.entries(REPS).map(([id, [name, skills]]) => table('rep', { id: `"${id}"`, name: `"${name}"`, password: `"password-of-${id}"`, skills: `{ ${skills} }`, capacity: 3 })),
    '[routing]\noffer_timeout = "60s"\nwrap_up = "60s"\nhandling = "4s"\n[console.canned]\nHello = "Hello, how can I help?"\nHours = "We are here from nine to six."\n',
  ].join(''));
  const child = spawn(program, ['serve', '--config', 'deskbell.toml'], { cwd: folder, stdio: 'ignore' });
  const passwords = Object.fromEntries(Object.keys(REPS).map((rep) => [rep, `password-of-${rep}`]));
  await start({ http: `127.0.0.1:${http}`, domain: 'shop.example', admin_key: 'an-admin-key-for-pictures', passwords });
  await eventually('the server', () => fetch(`http://127.0.0.1:${http}/healthz`).then(({ ok }) => ok, () => false), 30_000);
  return { end: async () => { await stop(); child.kill(); rmSync(folder, { recursive: true }); } };
}

const SIZES = [[1280, 800], [360, 720]];
const SCHEMES = ['light', 'dark'];

/** Each page in both sizes and both schemes, as it stands. */
async function picture({ page }, name) {
  for (const scheme of SCHEMES) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    if (name.startsWith('wall')) await page.evaluate((theme) => { document.documentElement.dataset.theme = theme; }, scheme);
    for (const [width, height] of name.startsWith('wall') ? [[1920, 1080], [360, 720]] : SIZES) {
      await page.setViewportSize({ width, height });
      await pause(150);
      await page.screenshot({ path: join(directory, `${name}-${width}-${scheme}.png`), fullPage: name.startsWith('wall') && width === 360 });
    }
  }
  await page.setViewportSize(name.startsWith('wall') ? { width: 1920, height: 1080 } : { width: 1280, height: 800 });
}

const running = await serve();
const wall = await open('/wall/', { width: 1920, height: 1080, scheme: 'dark' });
await wall.page.fill('#key', server.admin_key);
await wall.page.keyboard.press('Enter');
await wall.page.locator('.tile, .site.asleep').first().waitFor({ state: 'attached' });
const others = await Promise.all(['carol', 'dave'].map((rep) => console_(rep)));
const alice = await console_('alice');
await wall.page.locator('.rep[data-rep=alice]').waitFor();
await picture(alice, 'console-idle');
await picture(wall, 'wall-quiet');

const page = 'https://shop.example/cameras/norden-35';
const noor = await shopper('Noor Haddad', 'Does the Norden 35 focus well in the dark? I photograph small concerts.', { page, phone: '+33123456789', lang: 'en' });
await alice.offer('Noor').waitFor();
await picture(alice, 'console-offer');
await alice.take('Noor');
await alice.say('Hello Noor! It does: down to about candle light.');
await alice.sees('candle light');
await noor.say('Mostly the first row, so four metres or less.');
await alice.sees('four metres');
await alice.say('Then the 35 is right. Shall I show you two pictures taken like that?');
const sam = await shopper('Sam Whitfield', 'My lens cap does not fit any more.', { page: 'https://shop.example/lenses' });
await alice.take('Sam');
const mia = await shopper('Mia Lund', 'Which of the two is lighter?', { page });
await alice.take('Mia');
await sam.say('It is the 67 mm one.');
await alice.open('Noor').click();
await alice.sees('two pictures');
await noor.say('Yes please');
await alice.sees('Yes please');
await picture(alice, 'console-three');

// The rush: everybody is full, and more come.
for (const other of others) await other.page.selectOption('#hand', 'busy');
for (const other of others) await eventually(`${other.rep} is busy`, async () => (await adminRep(other.rep)).presence === 'busy');
const late = [];
for (const [name, text] of [['Ines', 'Is there a strap with it?'], ['Tom', 'Can I have it by Friday?'], ['Yuki', 'Which filter fits?'], ['Olu', 'Is the second-hand one still there?']]) late.push(await shopper(name, text));
await wall.page.locator('.waiting').nth(3).waitFor();
await picture(wall, 'wall-rush');
await eventually('promises are over', async () => await wall.page.locator('.waiting.over').count() >= 2, 60_000);
await mia.end();
await noor.end();
await sam.end();
await alice.page.locator('.wrap-up .left').waitFor();
await alice.open('Noor').click();
await alice.page.fill('#memo', 'Photographs small concerts from the first row; wants the Norden 35 in black. Call rather than write.');
await alice.page.keyboard.press('Control+Enter');
await alice.page.locator('.memo [role=status]', { hasText: 'Saved' }).waitFor();
await picture(alice, 'console-wrap-up');
await alice.page.locator('.wrap-up .primary').click();
for (const name of ['Ines', 'Tom', 'Yuki']) await alice.take(name);
await wall.page.locator('.broken-one').nth(1).waitFor();
await picture(wall, 'wall-broken');
await wall.page.locator('.broken-one').first().click();
await wall.page.locator('.why .reasons li').first().waitFor();
await picture(wall, 'wall-why');
for (const one of late) await one.end();
await alice.page.locator('.wrap-up .primary').click();
const back = await shopper('Noor Haddad', 'Is the black one in stock by now?', { page, phone: '+33123456789', lang: 'en' }, noor.cookies);
await alice.take('in stock');
await alice.page.locator('.past summary').click();
await picture(alice, 'console-earlier');
await alice.page.evaluate(() => { document.body.dataset.view = 'card'; });
await picture(alice, 'console-earlier-card');
await back.end();
await running.end();
