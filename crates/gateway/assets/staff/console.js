// The rep's console: signs in, puts the parts on the page, and turns keys and buttons into frames.
// Must not know how a conversation is drawn.

import { Refused, call, clock, icon, make, mark, short, tell } from '/staff.js';
import { Bell, Notices, Presence, title } from './alerts.js';
import { Desk } from './desk.js';
import { Line } from './line.js';
import { Lists, shopperName, skillNames } from './lists.js';
import { Talk } from './talk.js';
import { words } from './words.js';

const SHORTCUTS = 'deskbell-console-shortcuts';

const bell = new Bell();

/** The page on which a rep signs in. */
function door(message = '') {
  const wrong = make('p', { className: 'wrong', role: 'alert', hidden: !message }, message);
  const user = make('input', { id: 'user', className: 'input', autocomplete: 'username', autocapitalize: 'none', spellcheck: false, required: true });
  const password = make('input', { id: 'password', className: 'input', type: 'password', autocomplete: 'current-password', required: true });
  const button = make('button', { type: 'submit', className: 'button primary' }, words.enter);
  const form = make('form', {},
    make('header', {}, make('p', { className: 'brand' }, icon('bell'), 'Deskbell'), make('h1', {}, words.signIn), make('p', { className: 'muted' }, words.signInHow)),
    wrong,
    make('div', { className: 'field' }, make('label', { htmlFor: 'user' }, words.user), user),
    make('div', { className: 'field' }, make('label', { htmlFor: 'password' }, words.password), password),
    button);
  form.onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    tell(button, words.entering);
    bell.wake();
    try {
      desk(await call('POST', '/console/session', { user: user.value, password: password.value }));
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      button.disabled = false;
      tell(button, words.enter);
      tell(wrong, refused.status ? refused.message : words.unreachable);
      wrong.hidden = false;
      password.select();
    }
  };
  document.body.replaceChildren(make('main', { className: 'door' }, form));
  document.title = words.title;
  user.focus();
}

/** The desk of whoever has signed in. */
function desk({ rep }) {
  const console = new Console(rep);
  console.start();
}

class Console {
  constructor(rep) {
    this.desk = new Desk();
    this.line = new Line(rep, () => this.desk.held());
    this.notices = new Notices();
    this.act = {
      take: (ticket) => this.line.post({ type: 'take', ticket }),
      decline: (ticket) => this.#command(ticket, '/no'),
      end: (ticket) => this.#command(ticket, '/end'),
      handOn: (ticket, target) => this.#command(ticket, `/to ${target}`),
      callBack: (ticket) => this.#command(ticket, '/phone'),
      choose: (ticket) => this.choose(ticket),
      ready: () => this.line.send({ type: 'ready' }),
      note: (ticket, text) => this.line.post({ type: 'note', ticket, text }),
      dismiss: (ticket) => { this.desk.forget(ticket); this.view('list'); },
      view: (name) => this.view(name),
      nameOf: (rep) => (rep === this.desk.rep ? this.desk.name : this.desk.team.find((other) => other.rep === rep)?.name ?? rep),
      skillName: (id) => this.desk.skills.find((skill) => skill.id === id)?.name ?? id,
    };
    this.lists = new Lists(this.desk, this.act);
    this.talk = new Talk(this.desk, this.line, this.act);
    this.#makeTop();
    this.#makeHelp();
    this.strip = make('p', { className: 'strip', role: 'status' });
    this.notice = make('section', { className: 'notice', ariaLabel: words.noticeLabel, hidden: true });
    this.announce = make('p', { className: 'quiet', role: 'status' });
  }

  start() {
    document.body.className = 'console';
    document.body.replaceChildren(
      make('a', { className: 'skip', href: '#conversation' }, words.conversations),
      this.top, this.strip, this.notice,
      make('div', { className: 'panes' }, this.lists.element, this.talk.element, this.talk.card),
      this.help, this.talk.dialog, this.announce);
    this.view('list');
    this.line.addEventListener('frame', ({ detail }) => this.#take(detail));
    this.line.addEventListener('lost', () => this.#showLine());
    this.line.addEventListener('down', () => this.#showLine());
    this.line.addEventListener('crowded', () => { this.isCrowded = true; });
    this.line.addEventListener('signedout', () => { this.line.close(); this.#leave(words.signedOut); });
    this.desk.addEventListener('changed', () => this.#showSoon());
    this.desk.addEventListener('offer', ({ detail }) => this.#offer(detail));
    this.desk.addEventListener('gone', ({ detail }) => this.notices.withdraw(detail.ticket));
    this.desk.addEventListener('heard', ({ detail }) => this.#heard(detail));
    this.desk.addEventListener('ended', ({ detail }) => this.#ended(detail));
    this.desk.addEventListener('note', ({ detail }) => tell(this.announce, detail.text));
    document.addEventListener('keydown', this.keys = (event) => this.#key(event));
    document.addEventListener('pointerdown', this.wake = () => bell.wake(), { once: true });
    this.ticking = setInterval(() => this.#tick(), 250);
    this.line.open();
    this.#showLine();
    this.show();
  }

  choose(ticket) {
    this.desk.choose(ticket);
    this.view('talk');
    this.show();
    this.wanted = matchMedia('(min-width: 900px)').matches ? ticket : undefined;
    this.#focusWanted();
  }

  /** What was answered gets the focus once it can be written in, which may be a moment later. */
  #focusWanted() {
    if (this.wanted !== this.desk.current || this.talk.composer.hidden) return;
    this.wanted = undefined;
    this.talk.focus();
  }

  /** On a narrow screen one pane is seen at a time. */
  view(name) {
    document.body.dataset.view = name;
  }

  show() {
    this.#showTop();
    this.lists.show();
    this.talk.show();
    if (this.wanted) this.#focusWanted();
    title(this.desk.offers.length, this.desk.open.reduce((sum, talk) => sum + talk.unread, 0));
  }

  #showSoon() {
    this.drawing ??= requestAnimationFrame(() => { this.drawing = undefined; this.show(); });
    // A page in the background is drawn all the same: whoever looks at it later sees what is.
    if (document.hidden) { cancelAnimationFrame(this.drawing); this.drawing = undefined; this.show(); }
  }

  #take(frame) {
    switch (frame.type) {
      case 'done': this.#settled(frame.id); break;
      case 'error': this.#refused(frame); break;
      case 'line':
        if (frame.id) this.line.settle(frame.id);
        this.desk.take(frame);
        break;
      case 'hand':
        this.line.setHand(frame.state);
        this.desk.take(frame);
        break;
      case 'seat':
        this.desk.take(frame);
        if (this.resending) {
          this.resending = false;
          this.#resend();
        }
        break;
      case 'hello':
        this.resending = true;
        this.desk.take(frame);
        this.presence ??= new Presence(frame.idle_after_s, (idle) => this.line.touch(idle));
        this.#showLine();
        break;
      default: this.desk.take(frame);
    }
  }

  /** After a break: what still makes sense is sent again, and the server drops what it has. */
  #resend() {
    const stand = new Map(this.desk.seat.tickets.map((held) => [held.ticket, held.stand]));
    this.line.resend((frame) => frame.type === 'note' || (frame.type === 'take' ? stand.get(frame.ticket) === 'offered' : stand.has(frame.ticket)));
    this.#showSoon();
  }

  #settled(id) {
    const posted = this.line.outbox.get(id);
    this.line.settle(id);
    if (posted?.frame.type === 'take') this.choose(posted.frame.ticket);
    if (posted?.frame.type === 'note') this.desk.noted(posted.frame.ticket, posted.frame.text);
    this.#showSoon();
  }

  #refused({ id, detail, status, retry_after: wait }) {
    const posted = this.line.outbox.get(id);
    if (posted && status === 429) {
      setTimeout(() => this.line.repost(id), (wait ?? 1) * 1000);
      return;
    }
    if (posted) {
      this.line.settle(id);
      const { frame, isCommand } = posted;
      if (frame.type === 'say' && !isCommand) this.talk.giveBack(frame.ticket, frame.text);
      if (frame.type === 'note') this.desk.unsaved(frame.ticket);
    }
    tell(this.announce, detail);
    this.#flash(detail);
    this.#showSoon();
  }

  #command(ticket, text) {
    this.line.post({ type: 'say', ticket, text }, { isCommand: true });
  }

  #offer(offer) {
    const [name, skills] = [shopperName(offer), skillNames(offer)];
    bell.ring();
    tell(this.announce, words.newOffer(name, skills));
    this.notices.show(offer.ticket, words.notificationTitle(name), words.asksFor(skills), () => this.lists.offers.querySelector('.answer')?.focus());
    if (!this.desk.open.length) this.view('list');
  }

  #heard({ talk, line }) {
    if (talk.card?.stand !== 'open') return;
    const isSeen = document.hasFocus() && this.desk.current === talk.ticket;
    if (isSeen) return;
    bell.ring(false);
    tell(this.announce, words.newLine(shopperName(talk.card)));
    this.notices.show(talk.ticket, shopperName(talk.card), line.text, () => this.choose(talk.ticket));
  }

  #ended(talk) {
    this.notices.withdraw(talk.ticket);
    tell(this.announce, words.conversationEnded(shopperName(talk.card)));
  }

  #makeTop() {
    this.hand = make('select', { id: 'hand', className: 'hand', onchange: () => this.#setHand(this.hand.value) },
      ...Object.entries(words.hands).map(([value, label]) => make('option', { value }, label)));
    this.stateMark = make('span', { className: 'state-mark' });
    this.reason = make('p', { className: 'reason small' });
    this.room = make('span', { className: 'room', role: 'img' });
    this.sound = make('button', { type: 'button', className: 'button plain square', onclick: () => { bell.muted = !bell.muted; bell.wake(); this.#showTop(); if (!bell.muted) bell.ring(false); } });
    this.wallLink = make('a', { className: 'button plain wall-link', href: '/wall/', hidden: true }, icon('wall'), make('span', {}, words.wall));
    this.top = make('header', { className: 'top' },
      make('h1', { className: 'quiet' }, words.title),
      make('div', { className: 'state' }, this.stateMark, make('label', { htmlFor: 'hand', className: 'quiet' }, words.setState), this.hand, this.reason),
      make('div', { className: 'tools' }, this.room, this.sound,
        make('button', { type: 'button', className: 'button plain square', ariaLabel: words.help, title: `${words.help} (?)`, onclick: () => this.help.showModal() }, icon('help')),
        this.wallLink,
        this.me = make('span', { className: 'me' }),
        make('button', { type: 'button', className: 'button plain square', ariaLabel: words.signOut, title: words.signOut, onclick: () => this.#signOut() }, icon('out'))));
  }

  #showTop() {
    const { desk } = this;
    const { presence, seat } = desk;
    if (this.stateMark.state !== presence.state) {
      this.stateMark.state = presence.state;
      this.stateMark.replaceChildren(mark(presence.state));
    }
    if (this.hand.value !== desk.hand && document.activeElement !== this.hand) this.hand.value = desk.hand;
    this.#showReason();
    const held = seat.tickets.filter(({ stand }) => stand !== 'lapsed').length;
    if (this.room.shown !== `${held} ${seat.capacity}`) {
      this.room.shown = `${held} ${seat.capacity}`;
      this.room.ariaLabel = words.room(held, seat.capacity);
      this.room.title = words.room(held, seat.capacity);
      this.room.replaceChildren(...Array.from({ length: Math.min(seat.capacity, 10) }, (_, place) => make('i', { className: place < held ? 'taken' : '' })));
    }
    const label = bell.muted ? words.soundOff : words.soundOn;
    if (this.sound.ariaLabel !== label) {
      Object.assign(this.sound, { ariaLabel: label, title: label });
      this.sound.setAttribute('aria-pressed', String(!bell.muted));
      this.sound.replaceChildren(icon(bell.muted ? 'mute' : 'bell'));
    }
    this.wallLink.hidden = !desk.supervisor;
    tell(this.me, desk.name);
    this.#showNotice();
  }

  #showReason() {
    const { presence } = this.desk;
    const byHand = presence.decided_by === 'hand';
    const why = byHand ? words.byHand : words.reason(presence.rule, presence.decided_by);
    const age = presence.since ? short((this.desk.now() - presence.since) / 1000) : '';
    const state = words.states[presence.state] ?? '';
    const isSame = state === words.hands[this.desk.hand];
    tell(this.reason, [isSame ? '' : state, why, age].filter(Boolean).join(' · '));
  }

  #setHand(state) {
    this.desk.hand = state;
    this.line.setHand(state);
    this.line.send({ type: 'hand', state });
  }

  #showNotice() {
    const { seat } = this.desk;
    const now = this.desk.now();
    let shown;
    const isElsewhere = document.body.dataset.view !== 'list' && matchMedia('(max-width: 899px)').matches;
    if (this.desk.offers.length && isElsewhere) shown = [words.offersWait(this.desk.offers.length), [words.showOffers, () => this.view('list')]];
    else if (seat.doubted_until > now) shown = [words.doubted(clock((seat.doubted_until - now) / 1000 + 0.99)), [words.here, () => this.line.send({ type: 'here' })]];
    else if (seat.paused) shown = [words.paused(seat.paused_until && clock((seat.paused_until - now) / 1000)), [words.resume, () => this.line.send({ type: 'resume' })]];
    else if (this.notices.canAsk) shown = [`${words.notify}. ${words.notifyText}`, [words.notifyYes, () => this.#allow()], [words.notifyNo, () => { this.notices.refuse(); this.show(); }]];
    this.notice.hidden = !shown;
    if (!shown) return;
    const [text, ...buttons] = shown;
    const kind = buttons[0][0];
    if (this.notice.kind !== kind) {
      this.notice.kind = kind;
      this.noticeText = make('p', {});
      this.notice.replaceChildren(this.noticeText, ...buttons.map(([label, onclick], place) => make('button', { type: 'button', className: `button tiny ${place ? 'plain' : ''}`, onclick }, label)));
    }
    tell(this.noticeText, text);
  }

  async #allow() {
    await this.notices.ask();
    await this.presence?.allowMachine();
    this.show();
  }

  #showLine() {
    const isUp = this.line.connected;
    const wasUp = this.wasUp;
    this.wasUp = isUp || (wasUp && isUp);
    document.body.classList.toggle('down', !isUp);
    clearTimeout(this.lateStrip);
    if (isUp) {
      if (this.hasBeenDown) this.#flash(words.back);
      else tell(this.strip, '');
      this.hasBeenDown = false;
      this.isCrowded = false;
      return;
    }
    // A blink is nobody's business.
    this.lateStrip = setTimeout(() => {
      this.hasBeenDown = Boolean(this.desk.rep);
      this.strip.classList.remove('good');
      tell(this.strip, this.isCrowded ? words.crowded : this.desk.rep ? words.reconnecting : words.waiting);
    }, 600);
  }

  #flash(text) {
    this.strip.classList.add('good');
    tell(this.strip, text);
    clearTimeout(this.flashing);
    this.flashing = setTimeout(() => { if (this.line.connected) tell(this.strip, ''); }, 4000);
  }

  #makeHelp() {
    const heading = make('h2', { id: 'help-title' }, words.helpTitle);
    const on = make('input', { type: 'checkbox', checked: localStorage.getItem(SHORTCUTS) !== 'off' });
    on.onchange = () => localStorage.setItem(SHORTCUTS, on.checked ? 'on' : 'off');
    this.help = make('dialog', { className: 'help' }, make('header', {}, heading),
      make('dl', {}, ...words.keys.map(([key, what]) => make('div', {}, make('dt', {}, make('kbd', {}, key)), make('dd', {}, what)))),
      make('label', { className: 'switch' }, on, words.shortcuts),
      make('footer', {}, make('button', { type: 'button', className: 'button', onclick: () => this.help.close() }, words.close)));
    this.help.setAttribute('aria-labelledby', heading.id);
    this.shortcuts = on;
  }

  #key(event) {
    const { key, ctrlKey, metaKey, altKey, target } = event;
    if (ctrlKey || metaKey || altKey || document.querySelector('dialog[open]')) return;
    if (target.matches?.('input, textarea, select, [contenteditable]') || !this.shortcuts.checked) return;
    const does = {
      a: () => { const [offer] = [...this.desk.offers, ...this.desk.lapsed]; if (offer) this.act.take(offer.ticket); },
      n: () => { const [offer] = [...this.desk.offers, ...this.desk.lapsed]; if (offer) this.act.decline(offer.ticket); },
      j: () => this.#step(1),
      k: () => this.#step(-1),
      '/': () => this.talk.openSentences(),
      '?': () => this.help.showModal(),
    }[key.toLowerCase()];
    if (!does) return;
    event.preventDefault();
    does();
  }

  #step(by) {
    const all = [...this.desk.open, ...this.desk.ended];
    if (!all.length) return;
    const place = all.findIndex(({ ticket }) => ticket === this.desk.current);
    const next = all[(place + by + all.length) % all.length];
    this.desk.choose(next.ticket);
    this.view('talk');
    this.show();
  }

  #tick() {
    this.lists.tick();
    this.talk.tick();
    this.#showReason();
    this.#showNotice();
  }

  async #signOut() {
    try {
      await call('DELETE', '/console/session');
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      this.#flash(words.unreachable);
      return;
    }
    this.line.forget();
    this.#leave('');
  }

  #leave(message) {
    clearInterval(this.ticking);
    document.removeEventListener('keydown', this.keys);
    document.body.className = '';
    door(message);
  }
}

try {
  const session = await call('GET', '/console/session');
  if (session) desk(session);
  else door();
} catch (refused) {
  if (!(refused instanceof Refused)) throw refused;
  door(refused.status ? refused.message : '');
}
