// A shop's own back end, in plain Node: it signs its customers in, signs a token for each, and serves a page
// that embeds the bell of a Deskbell on another origin. Must not need anything but Node.

import { createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const TOKEN_LIFE_S = 10 * 60;
const FILES = { '/shop.css': 'text/css; charset=utf-8', '/shop.js': 'text/javascript; charset=utf-8' };

/** Whom this shop knows; a real one asks its database, and for a password. */
const CUSTOMERS = {
  noor: { name: 'Noor', tier: 'gold', phone: '+33123456789' },
  sam: { name: 'Sam', tier: 'standard' },
};

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JSON Web Token (RFC 7519) signed with HMAC SHA-256, as Deskbell verifies it with the same secret. */
export function signToken(claims, secret, now = Date.now()) {
  const content = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url({ ...claims, exp: Math.floor(now / 1000) + TOKEN_LIFE_S })}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

/** Serves the shop; `help` is the origin of the Deskbell, `secret` the one its site has. */
export function startShop({ help, secret, site = 'shop', skill = 'cameras', port = 0 }) {
  const sessions = new Map();
  const socket = help.replace(/^http/, 'ws');
  const policy = `default-src 'none'; script-src 'self' ${help}; connect-src 'self' ${help} ${socket}; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'`;
  const tokenOf = (id) => (id ? signToken({ sub: id, ...CUSTOMERS[id] }, secret) : '');

  async function serve(request, response) {
    const { pathname } = new URL(request.url, 'http://shop');
    const session = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
    const customer = sessions.get(session);
    const send = (status, type, content, headers = {}) => {
      response.writeHead(status, { 'content-type': type, 'content-security-policy': policy, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', ...headers });
      response.end(content);
    };
    if (request.method === 'GET' && pathname === '/') return send(200, 'text/html; charset=utf-8', page(customer));
    if (request.method === 'GET' && FILES[pathname]) return send(200, FILES[pathname], await readFile(new URL(`.${pathname}`, import.meta.url)));
    // The page renews its token before it expires.
    if (request.method === 'GET' && pathname === '/token') return send(200, 'application/json', JSON.stringify({ token: tokenOf(customer) }));
    if (request.method === 'POST' && pathname === '/session') {
      // Only this shop's own page may sign anybody in or out.
      if (request.headers['sec-fetch-site'] !== 'same-origin') return send(403, 'text/plain', 'Sign in on our own page.\n');
      const chosen = new URLSearchParams(await body(request)).get('customer');
      sessions.delete(session);
      if (!Object.hasOwn(CUSTOMERS, chosen ?? '')) return send(303, 'text/plain', '', { location: '/', 'set-cookie': 'session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax' });
      const id = randomBytes(24).toString('base64url');
      sessions.set(id, chosen);
      return send(303, 'text/plain', '', { location: '/', 'set-cookie': `session=${id}; Path=/; HttpOnly; SameSite=Lax` });
    }
    return send(404, 'text/plain', 'There is no such page.\n');
  }

  function page(customer) {
    const { name = 'a guest', tier = 'standard' } = CUSTOMERS[customer] ?? {};
    const choice = (id, words) => `<button name="customer" value="${id}"${id === (customer ?? '') ? ' aria-current="true"' : ''}>${words}</button>`;
    return `<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>Northlight Cameras</title>
<link rel="stylesheet" href="/shop.css">
<script type="module" src="${help}/widget.js"></script>
<script type="module" src="/shop.js"></script>
<main>
<h1>Northlight Cameras</h1>
<p>You are here as <strong>${name}</strong>, ${tier}. The bell below comes from <code>${help}</code>; this page signs who you are.</p>
<form method="post" action="/session">${choice('', 'Guest')}${choice('sam', 'Sam, standard')}${choice('noor', 'Noor, gold')}</form>
</main>
<deskbell-help site="${site}" skill="${skill}" tier="${tier}" token="${tokenOf(customer)}"></deskbell-help>
</html>
`;
  }

  const server = createServer((request, response) => serve(request, response).catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    if (!response.headersSent) response.writeHead(500);
    response.end();
  }));
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

async function body(request) {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > 4096) throw new Error('a form of this shop is shorter');
  }
  return text;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { HELP_ORIGIN: help = 'http://127.0.0.1:8080', SITE_SECRET: secret, PORT: port = '3000' } = process.env;
  if (secret) {
    await startShop({ help, secret, port: Number(port) });
    process.stdout.write(`The shop is open at http://127.0.0.1:${port}/\n`);
  } else {
    process.stderr.write('Set SITE_SECRET to the secret of the site; the demo writes it to demo.json as site_secret.\n');
    process.exitCode = 2;
  }
}
