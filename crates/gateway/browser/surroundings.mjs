// What stands round the browsers of a test: a softphone, and a network that can be cut.
// Must not know what is tested.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** SIP.js as somebody's softphone. */
export async function startPhone(server, rep) {
  const child = spawn(process.execPath, ['sip-phone.mjs', `ws://${server.http}/sip`, rep, server.domain, server.passwords[rep]], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const told = JSON.parse((await answers.next()).value);
    assert.ok(told.ok, told.error);
    return told;
  };
  await next();
  const does = (command) => { child.stdin.write(`${JSON.stringify(command)}\n`); return next(); };
  await does({ do: 'register' });
  await does({ do: 'publish', basic: 'open' });
  return { does, quit: async () => { await does({ do: 'unpublish' }); await does({ do: 'unregister' }); child.stdin.end(); } };
}

/** A way to the server that can be cut: connections stay, and nothing comes through. */
export async function startNetwork(address) {
  const [host, port] = address.split(':');
  const pairs = new Set();
  let whole = true;
  const proxy = createServer((near) => {
    const far = createConnection({ host, port });
    const pair = [near, far];
    pairs.add(pair);
    for (const [one, other] of [pair, [far, near]]) {
      one.on('data', (data) => other.write(data));
      one.on('close', () => { pairs.delete(pair); other.destroy(); });
      one.on('error', () => other.destroy());
      if (!whole) one.pause();
    }
  });
  await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
  return {
    url: `http://127.0.0.1:${proxy.address().port}`,
    cut: () => { whole = false; for (const pair of pairs) pair.forEach((end) => end.pause()); },
    hangUp: () => { for (const pair of pairs) pair.forEach((end) => end.destroy()); },
    mend: () => { whole = true; for (const pair of pairs) pair.forEach((end) => end.resume()); },
    close: () => { for (const pair of pairs) pair.forEach((end) => end.destroy()); proxy.close(); },
  };
}
