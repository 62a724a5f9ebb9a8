// A gateway without a helpdesk behind it: lets the widget be drawn and tested alone.
// `node mock-gateway.mjs [PORT]` serves the storefront with a rep who answers by script;
// tests import `startMock` and move its presence, its rep and its faults by hand.

import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const ASSETS = new URL('../assets/', import.meta.url);
const FILES = {
  '/': ['../../../examples/storefronts/pages/index.html', 'text/html; charset=utf-8'],
  '/storefront.css': ['../../../examples/storefronts/pages/storefront.css', 'text/css; charset=utf-8'],
  '/storefront.js': ['../../../examples/storefronts/pages/storefront.js', 'text/javascript; charset=utf-8'],
  '/library/': ['../../../examples/storefronts/pages/library.html', 'text/html; charset=utf-8'],
  '/library.css': ['../../../examples/storefronts/pages/library.css', 'text/css; charset=utf-8'],
  '/library.js': ['../../../examples/storefronts/pages/library.js', 'text/javascript; charset=utf-8'],
  '/bank/': ['../../../examples/storefronts/pages/bank.html', 'text/html; charset=utf-8'],
  '/bank.css': ['../../../examples/storefronts/pages/bank.css', 'text/css; charset=utf-8'],
  '/bank.js': ['../../../examples/storefronts/pages/bank.js', 'text/javascript; charset=utf-8'],
  '/demo.css': ['../../../examples/storefronts/pages/demo.css', 'text/css; charset=utf-8'],
  '/demo.js': ['../../../examples/storefronts/pages/demo.js', 'text/javascript; charset=utf-8'],
  '/widget.js': ['widget.js', 'text/javascript; charset=utf-8'],
  '/rating.js': ['rating.js', 'text/javascript; charset=utf-8'],
  '/conversation.js': ['conversation.js', 'text/javascript; charset=utf-8'],
};
for (const language of ['ar', 'de', 'es', 'fr', 'tr']) FILES[`/texts/${language}.js`] = [`texts/${language}.js`, 'text/javascript; charset=utf-8'];
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; report-uri /csp-report";
const SKILLS = { shop: ['cameras', 'lenses', 'printing'], library: ['research', 'loans', 'study-rooms'], bank: ['mortgages', 'cards', 'accounts'] };
const TIERS = ['standard', 'gold', 'platinum'];
const nobody = { state: 'closed', available: 0, busy: 0, away: 0, offline: 2, queued: 0, wait: null };

/** Starts a mock on a port of the kernel's choice, or on `port`. */
export async function startMock({ port = 0 } = {}) {
  const mock = new Mock();
  await new Promise((resolve) => mock.server.listen(port, '127.0.0.1', resolve));
  mock.url = `http://127.0.0.1:${mock.server.address().port}`;
  return mock;
}

/** An asset as the gateway serves it: scripts without comment lines and indentation. */
export async function served(path) {
  const [file, type] = FILES[path];
  const source = await readFile(new URL(file, ASSETS), 'utf8');
  return type.startsWith('text/javascript') ? lean(source) : source;
}

// What src/assets.rs does.
function lean(source) {
  let lean = '';
  let isComment = false;
  let isSheet = false;
  let isJoined = true;
  let isRemarked = false;
  for (const line of source.split('\n').map((one) => one.trim())) {
    isComment ||= line.startsWith('/**');
    if (!isComment && line && !line.startsWith('//')) {
      if (!isJoined && (isSheet || isRemarked || !/^[})\].?:]/.test(line))) lean += '\n';
      lean += isSheet ? line.replace(/(?<=[;{}:,]) | (?=\{)/g, '') : line;
      isSheet = (isSheet || line.endsWith('replaceSync(`')) && !line.startsWith('`)');
      isRemarked = line.includes('//');
      isJoined = !isRemarked && (isSheet ? /[{([,;}]$/ : /[{([,;]$/).test(line);
    }
    isComment &&= !line.endsWith('*/');
  }
  return `${lean}\n`;
}

class Mock {
  version = 1;
  groups = Object.values(SKILLS).flat().flatMap((skill) => TIERS.map((tier) => ({ skill, tier, ...nobody })));
  tickets = new Map();
  cases = [];
  /** What the site asks. */
  form = { name: 'optional', phone: 'off', email: 'off', consent: null, fields: [], remember: 'click', you: null };
  streams = new Set();
  drawers = new Set();
  reports = [];
  /** Pages of a test's own by path: their HTML, and a policy in place of the storefront's. */
  pages = new Map();
  /** Origins whose pages may embed the bell. */
  origins = new Set();
  /** Faults that tests switch on. */
  refuse = { sockets: false, streams: null, presence: false, tickets: null, confirmations: false, says: null, beats: false, calls: null };
  /** Every request line served, with its cookie header. */
  requests = [];
  /** Called with each new ticket and each line of a shopper. */
  onTicket = () => {};
  onLine = () => {};

  constructor() {
    this.server = createServer((request, response) => this.#serve(request, response).catch((error) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    }));
    this.server.on('upgrade', (request, socket) => this.#upgrade(request, socket));
  }

  close() {
    for (const ticket of this.tickets.values()) for (const follower of ticket.followers) follower.close();
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  presence(site) {
    return { site, version: this.version, at: new Date().toISOString(), groups: this.groups.filter(({ skill }) => SKILLS[site].includes(skill)) };
  }

  /** Changes every group that fits `match` and tells every open stream. */
  setGroups(match, change) {
    this.groups = this.groups.map((group) => (Object.entries(match).every(([key, value]) => group[key] === value) ? { ...group, ...change } : group));
    this.version += 1;
    for (const stream of this.streams) this.#tellPresence(stream);
  }

  /** Cuts every open presence stream. */
  dropStreams() {
    for (const stream of this.streams) stream.destroy();
  }

  happened(kind, text) {
    for (const drawer of this.drawers) drawer.write(`data: ${JSON.stringify({ at: new Date().toISOString(), kind, text })}\n\n`);
  }

  #tellPresence(stream) {
    stream.write(`event: presence\nid: ${this.version}\ndata: ${JSON.stringify(this.presence(stream.site))}\n\n`);
  }

  async #serve(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://mock');
    const route = `${request.method} ${pathname}`;
    const file = FILES[pathname];
    this.requests.push({ route, cookie: request.headers.cookie });
    const { origin } = request.headers;
    if (this.origins.has(origin)) {
      response.setHeader('access-control-allow-origin', origin);
      response.setHeader('access-control-allow-credentials', 'true');
      response.setHeader('access-control-expose-headers', 'retry-after');
      response.setHeader('access-control-allow-headers', 'authorization, content-type');
      response.setHeader('access-control-allow-methods', 'GET, POST, DELETE');
      if (request.method === 'OPTIONS') return this.#send(response, 204);
    }
    const page = this.pages.get(pathname);
    if (page) return this.#send(response, 200, 'text/html; charset=utf-8', page.html ?? page, { 'cache-control': 'no-cache', ...(page.policy ? { 'content-security-policy': page.policy } : {}) });
    if (file) return this.#send(response, 200, file[1], await served(pathname), { 'cache-control': 'no-cache' });
    if (route === 'POST /csp-report') {
      this.reports.push(await body(request));
      return this.#send(response, 204);
    }
    if (route === 'GET /demo/token') return this.#json(response, 200, { token: `demo.${searchParams.get('tier')}.unsigned` });
    if (route === 'GET /demo/events') return this.#stream(request, response, this.drawers);
    const [, site, asked] = /^\/v1\/sites\/(shop|library|bank)\/(.*)$/.exec(pathname) ?? [];
    if (asked?.startsWith('presence') && this.refuse.presence) return this.#problem(response, 503, 'Draining');
    if (`${request.method} ${asked}` === 'GET presence') return this.#json(response, 200, this.presence(site));
    if (`${request.method} ${asked}` === 'GET presence/events') {
      response.site = site;
      this.#stream(request, response, this.streams);
      return this.#tellPresence(response);
    }
    if (`${request.method} ${asked}` === 'GET fragment') {
      const tag = `"${this.version}"`;
      if (request.headers['if-none-match'] === tag) return this.#send(response, 304, undefined, undefined, { etag: tag });
      const { state } = this.groups.find(({ skill }) => skill === searchParams.get('skill'));
      return this.#send(response, 200, 'text/html; charset=utf-8', `<span class="deskbell" data-state="${state}">${state}</span>`, { etag: tag });
    }
    if (`${request.method} ${asked}` === 'GET form') return this.#json(response, 200, this.form);
    if (`${request.method} ${asked}` === 'GET me') return this.#json(response, 200, { known: Boolean(this.form.you) });
    if (`${request.method} ${asked}` === 'DELETE me') {
      this.form = { ...this.form, you: null };
      return this.#send(response, 204);
    }
    if (`${request.method} ${asked}` === 'POST cases') {
      this.cases.push(JSON.parse(await body(request)));
      return this.#json(response, 201, { id: 'case', state: 'open' });
    }
    if (`${request.method} ${asked}` === 'POST tickets') return this.#newTicket(response, JSON.parse(await body(request)));
    const [, id, rest = ''] = /^\/v1\/tickets\/([^/]+)(\/.*)?$/.exec(pathname) ?? [];
    const ticket = this.tickets.get(id);
    if (!ticket || request.headers.authorization !== `Bearer ${ticket.token}`) return this.#problem(response, 404, 'No such ticket');
    if (`${request.method}${rest}` === 'GET') return this.#json(response, 200, ticket.view());
    if (`${request.method}${rest}` === 'DELETE') {
      ticket.change({ state: ticket.rep ? 'closed' : 'abandoned' });
      return this.#json(response, 200, ticket.view());
    }
    if (`${request.method} ${rest}` === 'POST /messages') {
      ticket.heard(JSON.parse(await body(request)));
      return this.#send(response, 204);
    }
    if (`${request.method} ${rest}` === 'POST /rating') {
      ticket.rating = JSON.parse(await body(request));
      return this.#send(response, 204);
    }
    if (`${request.method} ${rest}` === 'GET /messages') return this.#json(response, 200, await ticket.poll(searchParams));
    if (`${request.method} ${rest}` === 'GET /events') {
      if (this.refuse.streams === 'closed') return this.#problem(response, 502, 'Bad gateway');
      if (this.refuse.streams === 'silent') return response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      this.#stream(request, response, new Set());
      return ticket.follow({ send: (frame) => response.write(`data: ${frame}\n\n`), close: () => response.end() }, Number(searchParams.get('after')));
    }
    return this.#problem(response, 404, 'No such page');
  }

  #newTicket(response, ask) {
    if (this.refuse.tickets) {
      const { status, retryAfter, type } = this.refuse.tickets;
      return this.#problem(response, status, 'Refused', retryAfter ? { 'retry-after': String(retryAfter) } : {}, type);
    }
    const ticket = new Ticket(this, ask);
    this.tickets.set(ticket.id, ticket);
    this.onTicket(ticket);
    return this.#json(response, 201, { ...ticket.view(), token: ticket.token });
  }

  #stream(request, response, set) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write('retry: 500\n\n');
    set.add(response);
    request.on('close', () => set.delete(response));
  }

  #json(response, status, value, headers) {
    this.#send(response, status, 'application/json', JSON.stringify(value), headers);
  }

  #problem(response, status, title, headers, type = 'about:blank') {
    this.#send(response, status, 'application/problem+json', JSON.stringify({ type, status, title }), headers);
  }

  #send(response, status, type, content, headers = {}) {
    response.writeHead(status, { ...(type ? { 'content-type': type } : {}), 'content-security-policy': CSP, 'cache-control': 'no-store', ...headers });
    response.end(content);
  }

  #upgrade(request, socket) {
    const { pathname, searchParams } = new URL(request.url, 'http://mock');
    const ticket = this.tickets.get(/^\/v1\/tickets\/([^/]+)\/ws$/.exec(pathname)?.[1]);
    socket.on('error', () => socket.destroy());
    if (!ticket || this.refuse.sockets) return socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
    const follower = { send: (frame) => socket.writable && socket.write(textFrame(frame)), close: () => socket.destroy(), deaf: false };
    let opened = false;
    // As the gateway does, so that a page knows that its line is alive.
    const beat = setInterval(() => follower.deaf || this.refuse.beats || follower.send('{"type":"beat"}'), 5_000).unref();
    readFrames(socket, (text) => {
      const frame = JSON.parse(text);
      if (!opened) {
        opened = frame.type === 'open' && frame.token === ticket.token;
        if (!opened) return socket.end();
        return ticket.follow(follower, Number(searchParams.get('after')));
      }
      if (!follower.deaf) ticket.heard(frame);
      return undefined;
    });
    socket.on('close', () => {
      clearInterval(beat);
      ticket.followers.delete(follower);
    });
    return undefined;
  }
}

class Ticket {
  id = randomBytes(8).toString('hex');
  token = randomBytes(16).toString('hex');
  followers = new Set();
  lines = [];
  frames = [];
  state = 'queued';
  position = 1;
  wait = null;
  rep = undefined;

  constructor(mock, ask) {
    this.mock = mock;
    this.ask = ask;
    if (ask.message) this.line({ from: 'shopper', name: ask.name, text: ask.message });
  }

  view() {
    const { id, state, position, wait, rep } = this;
    return { id, state, position, wait, rep, ws: `/v1/tickets/${id}/ws`, events: `/v1/tickets/${id}/events` };
  }

  follow(follower, after) {
    for (const line of this.lines) if (line.seq > after) follower.send(JSON.stringify(line));
    follower.send(JSON.stringify(this.#stateFrame()));
    this.followers.add(follower);
  }

  /** What there is after a line, or within `wait` seconds, as the gateway answers a long poll. */
  async poll(query) {
    const frames = [];
    const seen = () => createHash('sha1').update(JSON.stringify(this.#stateFrame())).digest('hex').slice(0, 8);
    await new Promise((resolve) => {
      const follower = { send: (frame) => { frames.push(JSON.parse(frame)); if (frames.length > 1 || query.get('seen') !== seen()) resolve(); }, close: resolve };
      this.follow(follower, Number(query.get('after')));
      setTimeout(resolve, Number(query.get('wait')) * 1000).unref();
    });
    return { frames, seen: seen() };
  }

  #stateFrame() {
    const { state, position, wait, rep, delivered, callback } = this;
    return { type: 'state', state, position, wait, rep, delivered, callback };
  }

  #tell(frame) {
    for (const follower of this.followers) follower.send(JSON.stringify(frame));
  }

  line(line) {
    if (line.id && this.lines.some(({ id }) => id === line.id)) return;
    const told = { type: 'line', seq: this.lines.length + 1, at: new Date().toISOString(), ...line };
    this.lines.push(told);
    this.#tell(told);
  }

  change(change) {
    Object.assign(this, { position: undefined, wait: null }, change);
    this.#tell(this.#stateFrame());
  }

  /** Tells a line again that was told before. */
  repeat(seq) {
    this.#tell(this.lines.find((line) => line.seq === seq));
  }

  typing() {
    this.#tell({ type: 'typing', from: 'rep' });
  }

  /** Cuts every connection that follows the ticket. */
  drop() {
    for (const follower of this.followers) follower.close();
    this.followers.clear();
  }

  heard(frame) {
    this.frames.push(frame);
    if (frame.type === 'say') {
      if (this.mock.refuse.confirmations) this.drop();
      if (this.mock.refuse.says) return this.#tell({ type: 'error', about: 'say', id: frame.id, title: 'Refused', detail: 'Refused.', ...this.mock.refuse.says });
      this.line({ id: frame.id, from: 'shopper', name: this.ask.name, text: frame.text });
      this.mock.onLine(this, frame.text);
    } else if (frame.type === 'call') {
      if (this.mock.refuse.calls) return this.#tell({ type: 'error', about: 'call', title: 'Refused', status: 422, detail: this.mock.refuse.calls });
      this.change({ callback: { number: '+33•••••••78', stage: 'waiting' } });
    } else if (frame.type === 'uncall') this.change({ callback: undefined, position: 1 });
    else if (frame.type === 'end') this.change({ state: this.rep ? 'closed' : 'abandoned', rep: undefined });
    return undefined;
  }
}

async function body(request) {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}

function textFrame(text) {
  const payload = Buffer.from(text);
  const short = payload.length < 126;
  const head = Buffer.alloc(short ? 2 : 4);
  head[0] = 0x81;
  head[1] = short ? payload.length : 126;
  if (!short) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

// Unfragmented client frames below 64 KiB: all that a conversation sends (RFC 6455 section 5.2).
function readFrames(socket, onText) {
  let held = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 6) {
      const long = (held[1] & 0x7f) === 126;
      const length = long ? held.readUInt16BE(2) : held[1] & 0x7f;
      const start = long ? 8 : 6;
      if (held.length < start + length) return;
      const mask = held.subarray(start - 4, start);
      const payload = Buffer.from(held.subarray(start, start + length).map((byte, index) => byte ^ mask[index % 4]));
      const opcode = held[0] & 0x0f;
      held = held.subarray(start + length);
      if (opcode === 1) onText(payload.toString());
      else if (opcode === 8) return socket.end(Buffer.from([0x88, 0]));
    }
  });
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const mock = await startMock({ port: Number(process.argv[2] ?? 8080) });
  const after = (seconds, act) => setTimeout(act, seconds * 1000);
  mock.setGroups({ skill: 'cameras' }, { state: 'available', available: 3, busy: 1 });
  mock.setGroups({ skill: 'lenses' }, { state: 'wait', busy: 2, queued: 3, wait: { seconds: 240, low: 120, high: 420, confidence: 0.8 } });
  mock.onTicket = (ticket) => {
    mock.happened('http', `POST /v1/sites/shop/tickets 201 ${ticket.id}`);
    ticket.wait = { seconds: 240, low: 120, high: 420, confidence: 0.8 };
    ticket.position = 2;
    after(4, () => ticket.change({ state: 'offered', rep: 'Alice' }));
    after(6, () => mock.happened('sip', 'MESSAGE sip:alice@shop.example 200 OK'));
    after(7, () => {
      ticket.change({ state: 'open', rep: 'Alice' });
      ticket.line({ from: 'rep', name: 'Alice', text: 'Hello, I am Alice. Let me look at that with you.' });
    });
  };
  mock.onLine = (ticket, text) => {
    after(1, () => ticket.typing());
    after(3, () => (text === 'bye' ? ticket.change({ state: 'closed' }) : ticket.line({ from: 'rep', name: 'Alice', text: `About “${text}”: yes, that works.` })));
  };
  setInterval(() => mock.happened('sip', 'PUBLISH sip:alice@shop.example 200 OK, open'), 7000);
  process.stdout.write(`${mock.url}\n`);
}
