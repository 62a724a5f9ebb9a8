// The console's connection: one WebSocket that comes back by itself, and an outbox that loses and doubles nothing.
// Must not know what a frame means beyond that.

import { Refused, call } from '/staff.js';

const BEAT = 10_000;
/** A server that does not answer a sign of life within this time is out of reach. */
const ANSWER = 6_000;
const WAITS = [300, 700, 1500, 3000, 5000];
const KEPT = 'deskbell-console';
/** What a server says that lets go of a socket, and what that is to the page. */
const PARTINGS = { 'sign in again': 'signedout', 'another page has this name': 'renamed', 'too many pages are open': 'crowded' };

/** A name that nobody else uses. */
export function unique() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Line extends EventTarget {
  #socket;
  #tries = 0;
  #retry;
  #beat;
  #answer;
  #closed = false;
  #rep;
  #held;
  idle = false;

  /** The line of `rep`; `held` tells the last line held of each conversation. */
  constructor(rep, held) {
    super();
    this.#rep = rep;
    this.#held = held;
    let kept = JSON.parse(sessionStorage.getItem(KEPT) ?? '{}');
    // What one rep has left unsaid is not for the next one at the same computer to say.
    if (kept.rep !== rep) kept = {};
    this.page = kept.page ?? unique();
    this.hand = kept.hand;
    /** What is said and not confirmed, by its name, in order. */
    this.outbox = new Map(Object.entries(kept.outbox ?? {}));
    addEventListener('online', () => this.#again(0));
    addEventListener('offline', () => this.#drop());
    addEventListener('pageshow', ({ persisted }) => persisted && this.#again(0));
  }

  open() {
    this.#closed = false;
    this.#keep();
    this.#connect();
  }

  /** Ends for good; what is not said yet is kept for the rep's next line in this tab. */
  close() {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#drop();
  }

  /** Ends for good, and keeps nothing. */
  forget() {
    this.close();
    sessionStorage.removeItem(KEPT);
  }

  get connected() {
    return this.#socket?.readyState === WebSocket.OPEN && this.greeted;
  }

  /** Sends what is worth nothing later. */
  send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** Sends what must arrive once: it is sent again after a break until it is confirmed. `notes` stay on the page. */
  post(frame, notes = {}) {
    const id = frame.id ?? unique();
    this.outbox.set(id, { frame: { ...frame, id }, ...notes });
    this.#keep();
    if (this.greeted) this.repost(id);
    return id;
  }

  /** Sends what was posted and not confirmed once more. */
  repost(id) {
    const posted = this.outbox.get(id);
    if (posted) this.send(posted.frame);
  }

  /** What was posted is confirmed, or given up. */
  settle(id) {
    const known = this.outbox.delete(id);
    if (known) this.#keep();
    return known;
  }

  setHand(state) {
    this.hand = state;
    this.#keep();
  }

  touch(idle) {
    if (this.idle !== idle) {
      this.idle = idle;
      this.#pulse();
    }
  }

  #keep() {
    sessionStorage.setItem(KEPT, JSON.stringify({ rep: this.#rep, page: this.page, hand: this.hand, outbox: Object.fromEntries(this.outbox) }));
  }

  #connect() {
    clearTimeout(this.#retry);
    if (this.#closed || this.#socket) return;
    const address = new URL('/console/ws', location.href);
    address.protocol = address.protocol.replace('http', 'ws');
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.greeted = false;
    let opened = false;
    // A network that swallows packets leaves a socket connecting for minutes.
    const slow = setTimeout(() => this.#lost(socket), ANSWER);
    socket.onopen = () => {
      clearTimeout(slow);
      opened = true;
      socket.send(JSON.stringify({ type: 'open', page: this.page, hand: this.hand, after: this.#held() }));
      this.#beat = setInterval(() => this.#pulse(), BEAT);
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      clearTimeout(this.#answer);
      this.#answer = undefined;
      this.#tries = 0;
      this.#take(JSON.parse(data));
    };
    socket.onclose = ({ reason }) => {
      clearTimeout(slow);
      if (socket !== this.#socket) return;
      const parting = PARTINGS[reason];
      if (parting === 'signedout') this.#signedOut();
      else if (!opened) this.#refused(socket);
      else {
        // A tab that was doubled: both go on, each under a name of its own.
        if (parting === 'renamed') {
          this.page = unique();
          this.#keep();
        }
        if (parting === 'crowded') this.#tell('crowded');
        this.#lost(socket);
      }
    };
  }

  /** A browser does not say why no socket was opened: the session may be over. */
  async #refused(socket) {
    const slow = setTimeout(() => this.#lost(socket), ANSWER);
    const isOver = await call('GET', '/console/session').then((session) => !session, (refused) => {
      if (refused instanceof Refused) return refused.status === 401;
      throw refused;
    });
    clearTimeout(slow);
    if (socket !== this.#socket) return;
    if (isOver) this.#signedOut();
    else this.#lost(socket);
  }

  #signedOut() {
    this.#drop();
    this.#tell('signedout');
  }

  #take(frame) {
    if (frame.type === 'hello') {
      this.greeted = true;
      this.#pulse();
    }
    if (frame.type === 'letter') this.send({ type: 'got', delivery: frame.delivery });
    this.#tell('frame', frame);
  }

  /** Sends what waits again; the page says for which conversations that still makes sense. */
  resend(makesSense) {
    for (const [id, { frame }] of this.outbox) {
      if (makesSense(frame)) this.repost(id);
      else this.settle(id);
    }
  }

  #pulse() {
    if (!this.greeted) return;
    this.send({ type: 'use', idle: this.idle });
    const socket = this.#socket;
    this.#answer ??= setTimeout(() => this.#lost(socket), ANSWER);
  }

  #drop() {
    const socket = this.#socket;
    clearInterval(this.#beat);
    clearTimeout(this.#answer);
    this.#answer = undefined;
    this.#socket = undefined;
    this.greeted = false;
    if (!socket) return;
    socket.onclose = null;
    socket.onmessage = null;
    socket.close();
    this.#tell('down');
  }

  #lost(socket) {
    if (socket !== this.#socket) return;
    this.#drop();
    this.#again(WAITS[Math.min(this.#tries, WAITS.length - 1)] * (0.8 + Math.random() * 0.4));
    this.#tries += 1;
    this.#tell('lost');
  }

  #again(wait) {
    if (this.#closed || this.#socket) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), wait);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
