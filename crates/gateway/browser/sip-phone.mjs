// One SIP.js softphone under Node, steered by JSON lines: SIP over WebSocket as a web page speaks it.
// node sip-phone.mjs URL USER DOMAIN PASSWORD
// Each line in, such as {"do":"publish","basic":"open","note":"Available"}, gets one line {"ok":true,…} or
// {"ok":false,"error":"…"}; `quit`, or the end of the input, ends it.

import { createInterface } from "node:readline";
import WebSocket from "ws";

/** What went over the socket since the last command: first line, and whether a challenge was stale. */
let wire = [];
/** The messages received so far. */
const messages = [];
/** The documents of NOTIFYs so far. */
const notified = [];
const LIMIT_MS = 10_000;

const firstLine = (text) => text.split("\r\n", 1)[0];
const note = (direction, text) => {
  if (text.trim() === "") return;
  wire.push({ direction, line: firstLine(text), stale: /^WWW-Authenticate:.*stale=true/im.test(text) });
};

globalThis.WebSocket = class extends WebSocket {
  constructor(url, protocol) {
    super(url, protocol);
    this.on("message", (data) => note("in", data.toString()));
  }
  send(data, ...rest) {
    note("out", data.toString());
    super.send(data, ...rest);
  }
};
const { Messager, Publisher, Registerer, Subscriber, UserAgent } = await import("sip.js");

const [url, user, domain, password] = process.argv.slice(2);
const self = UserAgent.makeURI(`sip:${user}@${domain}`);
const agent = new UserAgent({
  uri: self,
  transportOptions: { server: url, keepAliveInterval: 1 },
  authorizationUsername: user,
  authorizationPassword: password,
  viaHost: `${user}.invalid`,
  logLevel: "error",
  delegate: {
    onMessage(message) {
      messages.push({ from: message.request.from.uri.toString(), text: message.request.body });
      message.accept();
    },
    /** As a web page does: connects again, and says again what it had said. */
    async onDisconnect(error) {
      if (!error) return;
      while (!agent.isConnected()) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        await agent.reconnect().catch(() => {});
      }
      if (registerer.state === "Registered") await registerer.register();
      if (state) publisher.publish(state);
    },
  },
});
/** The document published last. */
let state;
const registerer = new Registerer(agent, { expires: 60 });
const publisher = new Publisher(agent, self, "presence", {
  body: "",
  contentType: "application/pidf+xml",
  expires: 60,
});

/** `activity` is an element of RPID, such as `busy`. */
const pidf = (basic, words, activity) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf"` +
  ` xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${self}">` +
  `<tuple id="web"><status><basic>${basic}</basic></status><note>${words}</note></tuple>` +
  (activity ? `<dm:person id="me"><rpid:activities><rpid:${activity}/></rpid:activities></dm:person>` : "") +
  `</presence>`;

/** Asks `look` until it finds something. */
async function until(what, look) {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const found = look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not come; seen: ${JSON.stringify(wire)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Runs one request and waits for its final answer. */
async function answered(send) {
  wire = [];
  const status = await new Promise((resolve, reject) => {
    const delegate = {
      onAccept: (response) => resolve(response.message.statusCode),
      onReject: (response) => resolve(response.message.statusCode),
    };
    Promise.resolve(send(delegate)).catch(reject);
    setTimeout(() => reject(new Error(`no answer; seen: ${JSON.stringify(wire)}`)), LIMIT_MS).unref();
  });
  return { status, wire };
}

/** Publisher and subscriber have no delegate for it: their answer is read off the wire. */
async function answeredOnWire(send) {
  wire = [];
  send();
  const final = await until("the answer", () =>
    wire.find((seen) => seen.direction === "in" && /^SIP\/2\.0 (?!1|401)/.test(seen.line)),
  );
  return { status: Number(final.line.split(" ")[1]), wire };
}

const commands = {
  register: () => answered((requestDelegate) => registerer.register({ requestDelegate })),
  unregister: () => answered((requestDelegate) => registerer.unregister({ requestDelegate })),
  publish: ({ basic, note: words, activity }) => {
    state = pidf(basic, words, activity);
    return answeredOnWire(() => publisher.publish(state));
  },
  subscribe: async ({ to, event }) => {
    const subscriber = new Subscriber(agent, UserAgent.makeURI(to), event, {
      expires: 60,
      delegate: {
        onNotify(notification) {
          notified.push(notification.request.body);
          notification.accept();
        },
      },
    });
    return answeredOnWire(() => subscriber.subscribe());
  },
  "wait-notify": async ({ texts }) => ({
    body: await until("the NOTIFY", () =>
      notified.find((body) => texts.every((text) => body.includes(text))),
    ),
  }),
  unpublish: () => answeredOnWire(() => publisher.unpublish()),
  "wait-message": async ({ text }) => ({
    message: await until("the message", () => messages.find((message) => message.text.includes(text))),
  }),
  say: ({ to, text }) =>
    answered((requestDelegate) =>
      new Messager(agent, UserAgent.makeURI(to), text).message({ requestDelegate }),
    ),
  "wait-keepalive": async () => {
    const seen = agent.transport;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    return { connected: seen.isConnected() };
  },
};

const tell = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

try {
  await agent.start();
  tell({ ok: true, ready: true });
} catch (error) {
  tell({ ok: false, error: String(error) });
  process.exit(1);
}
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.do === "quit") break;
  try {
    tell({ ok: true, ...(await commands[command.do](command)) });
  } catch (error) {
    tell({ ok: false, error: String(error) });
  }
}
process.exit(0);
