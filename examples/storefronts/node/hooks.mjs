// What a shop's back end in plain Node does with what Deskbell tells it: verifies each webhook (Standard Webhooks) and
// each SOAP push, takes it once, and prints it as one line of JSON. Must not need anything but Node.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const TOLERANCE_S = 5 * 60;
const MOST_BYTES = 1024 * 1024;
const SOAP = {
  'text/xml': 'http://schemas.xmlsoap.org/soap/envelope/',
  'application/soap+xml': 'http://www.w3.org/2003/05/soap-envelope',
};

/** Whether one of the keys (`whsec_…`) signed this body under this identity, of late. */
export function verify(keys, headers, body, now = Date.now()) {
  const id = headers['webhook-id'];
  const moment = headers['webhook-timestamp'];
  if (!id || !/^\d+$/.test(moment ?? '') || Math.abs(now / 1000 - Number(moment)) > TOLERANCE_S) return false;
  const sent = (headers['webhook-signature'] ?? '').split(' ').filter((part) => part.startsWith('v1,')).map((part) => Buffer.from(part.slice(3)));
  return keys.some((key) => {
    const secret = Buffer.from(key.replace(/^whsec_/, ''), 'base64');
    const expected = Buffer.from(createHmac('sha256', secret).update(`${id}.${moment}.`).update(body).digest('base64'));
    return sent.some((one) => one.length === expected.length && timingSafeEqual(one, expected));
  });
}

/** The groups of a NotifyGroupPresence. Its text is ours to trust by its signature, so that plain cuts read it. */
export function readPush(text) {
  if (text.includes('<!DOCTYPE') || !text.includes('<NotifyGroupPresence ')) throw new Error('this is no NotifyGroupPresence');
  const plain = (value) => value.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
  const members = (part) => Object.fromEntries([...part.matchAll(/<(\w+)>([^<]*)<\/\1>/g)].map(([, name, value]) => [name, plain(value)]));
  const groups = [...text.matchAll(/<group>(.*?)<\/group>/gs)].map(([, group]) => members(group));
  return { type: 'NotifyGroupPresence', site: members(text).site, groups };
}

/** Serves the hooks; `keys` are two while a key is replaced. */
export function startHooks({ keys, port = 0, tell }) {
  // A real shop keeps these in its database, beside what they made it do.
  const taken = new Set();
  const server = createServer(async (request, response) => {
    const answer = (status, type, text = '') => {
      response.writeHead(status, type ? { 'content-type': type } : {});
      response.end(text);
    };
    if (request.method !== 'POST') return answer(405);
    const chunks = [];
    let length = 0;
    for await (const chunk of request) {
      length += chunk.length;
      if (length > MOST_BYTES) return answer(413);
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks);
    if (!verify(keys, request.headers, body)) return answer(401);
    const type = (request.headers['content-type'] ?? '').split(';')[0].trim();
    const id = request.headers['webhook-id'];
    let event;
    try {
      event = SOAP[type] ? readPush(body.toString()) : JSON.parse(body);
    } catch (error) {
      process.stderr.write(`${error.message}\n`);
      return answer(400);
    }
    // Deskbell tells an event again until it hears that it was taken: the second time nothing is done.
    if (!taken.has(id)) {
      try {
        tell({ id, ...event });
      } catch (error) {
        process.stderr.write(`${error.message}\n`);
        return answer(500);
      }
      // Not before it is told: should that fail, the next try is not taken for the second.
      taken.add(id);
    }
    if (!SOAP[type]) return answer(204);
    return answer(200, type, `<soap:Envelope xmlns:soap="${SOAP[type]}"><soap:Body><NotifyGroupPresenceResponse xmlns="urn:deskbell:soap:1"/></soap:Body></soap:Envelope>`);
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { WEBHOOK_KEYS = '', PORT = '3001' } = process.env;
  const keys = WEBHOOK_KEYS.split(',').filter((key) => /^whsec_[A-Za-z0-9+/]+=*$/.test(key));
  if (!keys.length) {
    process.stderr.write('set WEBHOOK_KEYS to the key of the [[webhook]] table, whsec_ and base64; without one nothing could be verified\n');
    process.exit(1);
  }
  const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
  const server = await startHooks({ keys, port: Number(PORT), tell });
  tell({ listening: `http://127.0.0.1:${server.address().port}/` });
}
