// What the console knows: the seat, conversations with their lines, colleagues, what has just ended.
// Must not know how anything is shown or travels.

/** Conversations that have ended are kept, so many, to be read or should they come back. */
const ENDED_KEPT = 20;

export class Desk extends EventTarget {
  rep = '';
  name = '';
  skills = [];
  canned = [];
  team = [];
  presence = { state: 'offline', decided_by: 'nothing' };
  seat = { tickets: [], wrap_ups: [], capacity: 1, state: 'offline', free: false };
  hand = 'available';
  /** The server's clock less ours. */
  ahead = 0;
  current;
  /** Every conversation shown, by its ticket. */
  talks = new Map();

  /** Milliseconds since the Unix epoch, by the server's clock. */
  now() {
    return Date.now() + this.ahead;
  }

  get offers() {
    return this.seat.tickets.filter(({ stand }) => stand === 'offered');
  }

  get lapsed() {
    return this.seat.tickets.filter(({ stand }) => stand === 'lapsed');
  }

  get open() {
    return this.seat.tickets.filter(({ stand }) => stand === 'open').map(({ ticket }) => this.talks.get(ticket));
  }

  get ended() {
    return [...this.talks.values()].filter(({ over, dismissed }) => over && !dismissed).sort((one, other) => other.over - one.over);
  }

  /** The last line held of each conversation. */
  held() {
    return Object.fromEntries([...this.talks.values()].filter(({ last }) => last).map(({ ticket, last }) => [ticket, last]));
  }

  get wrapUpUntil() {
    return Math.max(0, ...this.seat.wrap_ups);
  }

  talk(ticket) {
    let talk = this.talks.get(ticket);
    if (!talk) {
      talk = { ticket, lines: [], last: 0, unread: 0, draft: '', notes: [], past: undefined, memo: '', noted: '', card: undefined, typingUntil: 0, over: 0 };
      this.talks.set(ticket, talk);
    }
    return talk;
  }

  /** Takes a frame; tells what has changed. */
  take(frame) {
    switch (frame.type) {
      case 'hello':
        // What was asked for over the line before is not answered any more.
        for (const talk of this.talks.values()) talk.past ||= undefined;
        Object.assign(this, { rep: frame.rep, name: frame.name, skills: frame.skills, canned: frame.canned, supervisor: frame.supervisor, idleAfter: frame.idle_after_s });
        break;
      case 'seat': this.#takeSeat(frame); break;
      case 'presence': this.presence = frame; break;
      case 'team': this.team = frame.reps; break;
      case 'hand': this.hand = frame.state; break;
      case 'line': this.#takeLine(frame); break;
      case 'state': this.talk(frame.ticket).state = frame.state; break;
      case 'typing': this.talk(frame.ticket).typingUntil = Date.now() + 6000; break;
      case 'letter': this.#takeLetter(frame); break;
      case 'past': this.talk(frame.ticket).past = frame.conversations; break;
      default: return;
    }
    this.#tell('changed');
  }

  choose(ticket) {
    this.current = ticket;
    const talk = this.talks.get(ticket);
    if (talk) talk.unread = 0;
    this.#tell('changed');
  }

  /** A note is on record. */
  noted(ticket, text) {
    const talk = this.talks.get(ticket);
    if (talk) talk.noted = text;
    this.#tell('changed');
  }

  /** A note was not taken: it stands where it was written. */
  unsaved(ticket) {
    const talk = this.talks.get(ticket);
    if (talk) talk.saving = undefined;
    this.#tell('changed');
  }

  forget(ticket) {
    // Its lines are kept, as far as any are, should the ticket come back.
    const talk = this.talks.get(ticket);
    if (talk) talk.dismissed = true;
    if (this.current === ticket) this.current = this.open[0]?.ticket;
    this.#tell('changed');
  }

  #takeSeat(frame) {
    this.ahead = frame.now - Date.now();
    const before = new Map(this.seat.tickets.map((held) => [held.ticket, held]));
    this.seat = frame;
    for (const held of frame.tickets) {
      const talk = this.talk(held.ticket);
      talk.card = held;
      talk.over = 0;
      talk.dismissed = false;
      const was = before.get(held.ticket);
      before.delete(held.ticket);
      if (held.stand === 'offered' && was?.stand !== 'offered') this.#tell('offer', held);
      if (held.stand === 'open' && was?.stand !== 'open') {
        talk.unread = 0;
        if (was || !this.current || !this.open.some((talk) => talk.ticket === this.current)) this.current = held.ticket;
      }
    }
    for (const [ticket, was] of before) {
      const talk = this.talk(ticket);
      if (was.stand === 'open') {
        talk.over = this.now();
        talk.typingUntil = 0;
        this.#tell('ended', talk);
      } else {
        this.talks.delete(ticket);
        if (this.current === ticket) this.current = undefined;
        this.#tell('gone', was);
      }
    }
    const over = [...this.talks.values()].filter((talk) => talk.over).sort((one, other) => other.over - one.over);
    for (const old of over.slice(ENDED_KEPT)) this.talks.delete(old.ticket);
    if (!this.talks.has(this.current)) this.current = this.open[0]?.ticket;
  }

  #takeLine(frame) {
    const talk = this.talk(frame.ticket);
    if (frame.seq <= talk.last) return;
    talk.lines.push(frame);
    talk.last = frame.seq;
    if (frame.from === 'shopper') {
      talk.typingUntil = 0;
      if (this.current !== frame.ticket) talk.unread += 1;
      this.#tell('heard', { talk, line: frame });
    }
  }

  #takeLetter(frame) {
    if (frame.kind !== 'note') return;
    const talk = this.talks.get(frame.ticket) ?? this.talks.get(this.current);
    const note = { text: frame.text, at: new Date(this.now()).toISOString(), delivery: frame.delivery, after: talk?.last ?? 0 };
    // A letter that was not confirmed in time comes a second time.
    if (talk?.notes.some(({ delivery }) => delivery === frame.delivery)) return;
    talk?.notes.push(note);
    this.#tell('note', note);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
