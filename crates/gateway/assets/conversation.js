// The conversation: the form, the waiting card, the lines and the end card in one panel.
// Must not know how presence is followed: the bell that owns it tells it its situation.

/** The panel's English; in another language the bell hands the texts over. */
const english = {
  pill: {
    asking: 'Asking somebody now',
    place: (n, about) => (n === 1 ? 'You are next' : `You are number ${n}`) + (about ? `, ${about[0].toLowerCase()}${about.slice(1)}` : ''),
    waiting: 'You are waiting',
    open: (name) => `${name} is here`,
    news: (n, name) => (n === 1 ? `New message from ${name}` : `${n} new messages from ${name}`),
    ended: 'The conversation has ended',
  },
  someoneName: 'Somebody',
  you: 'You',

  form: {
    title: 'Ask for help',
    about: (skill) => `Help with ${skill}`,
    message: 'What can we help with?',
    messageHint: 'A sentence is enough.',
    messageMissing: 'Write a few words first, so that the right person can help.',
    name: 'Your name',
    optional: 'optional',
    ask: 'Ask for help',
    asking: 'Asking…',
    privacy: 'Nothing is stored on this device before you ask.',
    cookie: 'Asking leaves one cookie, by which we know you again.',
    again: (name, rep) => `You are known here${name ? ` as ${name}` : ''}.${rep ? ` ${rep} helped you last time.` : ''}`,
    data: 'My data',
    forget: 'Forget me',
    forgotten: 'Done. Nothing is kept of you any more.',
    remember: 'Know me again next time',
    email: 'Your email',
    phone: 'Your telephone number',
    knownPhone: (ends) => `The one that ends in ${ends}`,
    consentMissing: 'Tick the box, or leave the number out.',
    missing: (label) => `Fill in “${label}” first.`,
    contactMissing: 'Give an email, so that we can answer you.',
    leave: 'Leave a message',
    left: 'Your message is with us',
    leftBody: (contact) => `We answer${contact ? ` to ${contact}` : ''} when we are back.`,
    closedTitle: 'Nobody is on duty right now',
    closedBody: (back) => `${back ? `${back}. ` : ''}Leave a message, and we answer it.`,
  },

  talk: {
    log: 'Conversation',
    minimise: 'Close this panel',
    end: 'End',
    leave: 'Leave',
    connecting: 'Connecting…',
    reconnecting: 'Reconnecting…',
    sending: 'Sending…',
    held: 'Goes out when the connection is back',
    sent: 'Sent',
    delivered: (name) => (name ? `On ${name}’s phone` : 'Delivered'),
    notSent: 'Not sent',
    write: 'Write a message',
    writeWaiting: 'Add something while you wait',
    send: 'Send',
    typing: (name) => `${name} is writing`,
    here: 'Here with you',
    offered: (name) => (name ? `Asking ${name} now` : 'Asking somebody now'),
    offeredBody: 'It takes a few seconds.',
    next: 'You are next',
    place: (n) => `You are number ${n}`,
    waiting: 'You are waiting',
    keep: 'We keep your place if this page closes.',
    callMe: 'Call me instead',
    willCall: 'We ring you when it is your turn',
    uncall: 'Do not call me',
    callback: 'We are ringing your phone',
    onPhone: 'You are on the phone',
    confirmEnd: 'End this conversation?',
    confirmLeave: 'Give up your place?',
    confirmYes: 'Yes, end it',
    confirmLeaveYes: 'Yes, leave',
    confirmNo: 'Go on',
  },

  ended: {
    title: 'The conversation has ended',
    left: 'You left the queue',
    gone: 'This conversation is no longer open',
    transcript: 'Save the transcript',
    again: 'Ask again',
  },

  problem: {
    409: 'Nobody who can help with this is on duty right now.',
    413: 'That is too long. Shorten it and try again.',
    429: 'That was too many requests from here.',
    503: 'The help desk is starting again.',
    full: 'Too many people are waiting at this moment.',
    many: 'You have three conversations open. End one first.',
    other: 'That did not work.',
    offline: 'There is no connection. Check your network and try again.',
    retry: (time) => `Try again in ${time}.`,
    later: 'Try again in a little while.',
    seconds: (n) => (n === 1 ? 'a second' : `${n} seconds`),
  },
};

const shapes = {
  close: ['M5 5l10 10', 'M15 5L5 15'],
  send: ['M3.5 10h12', 'M10.5 4.5L16 10l-5.5 5.5'],
  sent: ['M4.5 10.5l3.5 3.5 7.5-8'],
  there: ['M2 10.5l3.5 3.5 7.5-8', 'M9.5 13.5l.5.5 7.5-8'],
  alert: ['M10 3.2l7.3 13H2.7z', 'M10 8.2v3.6', 'M10 14.1v.1'],
  save: ['M10 3.5v9', 'M6.2 9l3.8 3.8L13.8 9', 'M3.5 16.5h13'],
};

const FINAL = new Set(['closed', 'abandoned']);
const ANSWER_TIMEOUT = 10_000;
const POLL_SECONDS = 25;
/** The gateway says something every five seconds, if only that it is there. */
const SILENCE = 16_000;
const TYPING_EVERY = 2_000;
const TYPING_SHOWN = 15_000;

function initialsOf(name) {
  return name.split(/\s+/).map((part) => [...part][0] ?? '').slice(0, 2).join('').toUpperCase();
}

/** A refusal of the gateway in words a shopper can act on. */
async function refusal(answer, { problem }, spokenTime) {
  const body = await answer.json().catch(() => ({}));
  const kind = { 'queue-full': 'full', 'many-open': 'many' }[String(body.type).split(':').pop()] ?? answer.status;
  const words = [problem[kind] ?? ((kind < 500 && body.detail) || problem.other)];
  const after = answer.headers.get('retry-after') ?? body.retry_after;
  if (after || kind === 429 || kind >= 500) {
    const seconds = /^\d+$/.test(after) ? Number(after) : (Date.parse(after) - Date.now()) / 1000;
    if (seconds >= 60) words.push(problem.retry(spokenTime(seconds)));
    else if (seconds >= 0) words.push(problem.retry(problem.seconds(Math.max(1, Math.ceil(seconds)))));
    else words.push(problem.later);
  }
  return words.join(' ');
}

/**
 * The line to the gateway: a WebSocket; SSE and POST where no WebSocket comes through; long polling where no stream does.
 * Reconnects by itself and resumes after the last line seen; frames are those of the HTTP face.
 */
class Link {
  #base;
  #session;
  #on;
  #socket;
  #abort;
  #timer;
  #tries = 0;
  #way = 0;
  #stopped = false;
  #posts = Promise.resolve();
  live = false;
  heardAt = 0;

  constructor(base, session, on) {
    this.#base = base;
    this.#session = session;
    this.#on = on;
    this.#connect();
  }

  send(frame) {
    if (this.#way) this.#posts = this.#posts.then(() => this.#post(frame));
    else if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** Drops a line that has gone silent, or tries at once instead of waiting. */
  renew() {
    if (this.#stopped) return;
    this.#drop();
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    this.#drop();
  }

  #drop() {
    clearTimeout(this.#timer);
    // Both tell of their end later, when they are no longer ours.
    this.#socket?.close();
    this.#abort?.abort();
    this.#socket = this.#abort = undefined;
    this.#lost();
  }

  #lost() {
    this.live = false;
    this.#on.link(false);
  }

  #connect() {
    if (this.#way) this.#fetch(this.#way > 1 ? this.#poll : this.#stream);
    else this.#open();
  }

  #address(path, scheme) {
    const address = new URL(path, this.#base);
    if (scheme) address.protocol = address.protocol.replace('http', scheme);
    address.searchParams.set('after', this.#on.last());
    return address.href;
  }

  #heard(frame) {
    this.heardAt = Date.now();
    // The gateway sends what was missed, then the state: with it the line is up to date.
    if (frame.type === 'state' && !this.live) {
      this.live = true;
      this.#tries = 0;
      this.#on.link(true);
    }
    if (frame.type !== 'beat') this.#on.frame(frame);
  }

  /** Whether silence means that the line is gone: a poll has a time of its own. */
  get beats() {
    return this.#way < 2;
  }

  #open() {
    let socket;
    try {
      socket = new WebSocket(this.#address(this.#session.ws, 'ws'));
    } catch {
      return this.#failed();
    }
    this.#socket = socket;
    const patience = setTimeout(() => socket === this.#socket && !this.live && socket.close(), ANSWER_TIMEOUT);
    socket.addEventListener('open', () => socket.send(JSON.stringify({ type: 'open', token: this.#session.token })));
    socket.addEventListener('message', (event) => socket === this.#socket && this.#heard(JSON.parse(event.data)));
    socket.addEventListener('close', () => {
      clearTimeout(patience);
      if (socket === this.#socket) this.#failed();
    });
  }

  async #fetch(way) {
    const abort = (this.#abort = new AbortController());
    // A stream that something on the way holds back opens, but says nothing.
    const patience = setTimeout(() => this.live || abort.abort(), ANSWER_TIMEOUT);
    const ask = async (address, accept) => {
      const answer = await fetch(address, { headers: { ...this.authorization, accept }, cache: 'no-store', signal: abort.signal });
      if (!answer.ok) throw new Error(answer.statusText);
      return answer;
    };
    try {
      await way.call(this, ask, abort);
    } catch {
      // a broken answer and an ended one are met alike
    }
    clearTimeout(patience);
    if (abort === this.#abort) this.#failed();
  }

  async #stream(ask) {
    const answer = await ask(this.#address(this.#session.events), 'text/event-stream');
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.heardAt = Date.now();
      const events = (text + value).split(/\r?\n\r?\n/);
      text = events.pop();
      for (const event of events) {
        const data = event.split(/\r?\n/).filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart());
        if (data.length) this.#heard(JSON.parse(data.join('\n')));
      }
    }
  }

  async #poll(ask, abort) {
    let seen = '';
    while (!abort.signal.aborted) {
      const late = setTimeout(() => abort.abort(), POLL_SECONDS * 1000 + ANSWER_TIMEOUT);
      const address = `${this.#address(this.#messages)}&wait=${POLL_SECONDS}&seen=${seen}`;
      const said = await ask(address, 'application/json').then((answer) => answer.json()).finally(() => clearTimeout(late));
      seen = said.seen;
      if (abort === this.#abort) said.frames.forEach((frame) => this.#heard(frame));
    }
  }

  get #messages() {
    return this.#session.events.replace(/events(\?.*)?$/, 'messages');
  }

  async #post(frame) {
    try {
      const answer = await fetch(new URL(this.#messages, this.#base), {
        method: 'POST', headers: { ...this.authorization, 'content-type': 'application/json' }, body: JSON.stringify(frame),
      });
      if (answer.ok) return;
      const { retry_after } = await answer.json().catch(() => ({}));
      this.#on.frame({ type: 'error', about: frame.type, id: frame.id, status: answer.status, retry_after });
    } catch {
      // the line stays unconfirmed and is said again when the stream is back
    }
  }

  get authorization() {
    return { authorization: `Bearer ${this.#session.token}` };
  }

  async #failed() {
    const wasLive = this.live;
    this.#socket = undefined;
    this.#lost();
    if (this.#stopped) return;
    this.#tries += 1;
    if (!wasLive && this.#tries >= 2) {
      const answer = await fetch(new URL(`/v1/tickets/${encodeURIComponent(this.#session.id)}`, this.#base), { headers: this.authorization }).catch(() => null);
      if (this.#stopped) return;
      if (answer && [401, 403, 404, 410].includes(answer.status)) return this.#on.gone();
      // A plain request gets through where this way did not.
      if (answer?.ok) this.#way = Math.min(this.#way + 1, 2);
    }
    const delay = Math.min(15_000, 400 * 2 ** this.#tries) * (0.6 + Math.random() * 0.4);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), delay);
  }
}

/** The panel of one bell. Holds at most one conversation; `open` shows it, `resume` takes one up again. */
export class Conversation {
  /** The one whose panel is shown. */
  static #current;

  #bell;
  #root;
  #kit;
  #texts;
  #session;
  #link;
  #last = 0;
  #acknowledged = 0;
  #unread = 0;
  #state = { state: 'queued' };
  #repName = '';
  #lines = [];
  #pending = new Map();
  #caughtUp = false;
  #view = '';
  #shown = false;
  #typedAt = 0;
  #typingTimer;
  #stripTimer;
  #watchdog;
  #parts = {};
  #panel;
  /** What the site asks, as the gateway says it. */
  #form = { name: 'optional', phone: 'off', email: 'off', fields: [], remember: 'never', you: null };
  #small = matchMedia('(max-width: 479.98px)');
  #listeners = new AbortController();

  constructor(bell, root, kit) {
    this.#bell = bell;
    this.#root = root;
    this.#kit = kit;
    this.#texts = kit.texts ?? english;
    if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
    this.#build();
    const on = (target, type, act) => target.addEventListener(type, act, { signal: this.#listeners.signal });
    on(this.#small, 'change', () => this.#shown && this.#present(false));
    on(window, 'online', () => this.#link?.renew());
    on(window, 'pagehide', () => this.#link?.stop());
    on(window, 'pageshow', (event) => event.persisted && this.#session && this.#connect());
    on(document, 'visibilitychange', () => {
      if (document.hidden) return;
      if (this.#link && !this.#link.live) this.#link.renew();
      this.#seen();
    });
  }

  /** Shows the panel and puts the focus where the next word belongs. */
  open() {
    if (!this.#view) this.#showForm();
    this.#present(true);
    this.#seen();
  }

  /** Takes up the conversation that this tab remembers. */
  resume(session) {
    if (this.#session) return;
    this.#session = session;
    for (const { id, text } of session.pending ?? []) this.#pending.set(id, { text });
    this.#showTalk();
    if (session.shown) this.#present(false);
    this.#connect();
    this.#speak();
  }

  /** Lets go of everything: the bell has left the page. */
  leave() {
    this.#link?.stop();
    clearInterval(this.#watchdog);
    clearTimeout(this.#stripTimer);
    clearTimeout(this.#typingTimer);
    this.#listeners.abort();
    if (Conversation.#current === this) Conversation.#current = undefined;
    this.#panel.remove();
    this.#bell.talking = false;
    this.#bell.speak(undefined);
  }

  /** The bell's situation has changed: the form shows it too. */
  situationChanged() {
    if (this.#view === 'form') this.#fillSituation();
  }

  // --- the panel ---

  #build() {
    const { make } = this.#kit;
    const parts = this.#parts;
    parts.who = make('span', { class: 'who', 'aria-hidden': 'true' });
    parts.title = make('h2', { class: 'title', id: 'title' });
    parts.sub = make('p', { class: 'sub' });
    parts.end = make('button', { class: 'plain', type: 'button', part: 'end' });
    parts.close = make('button', { class: 'square', type: 'button', part: 'close', 'aria-label': this.#texts.talk.minimise, title: this.#texts.talk.minimise }, this.#icon('close'));
    parts.strip = make('p', { class: 'strip', role: 'status' });
    parts.body = make('div', { class: 'body', part: 'body' });
    parts.foot = make('div', { class: 'foot' });
    parts.status = make('p', { class: 'quiet', role: 'status' });
    this.#panel = make('dialog', { class: 'panel', part: 'panel', popover: 'manual', lang: this.#kit.lang, dir: this.#kit.dir, 'aria-labelledby': 'title' },
      make('div', { class: 'head', part: 'header' }, parts.who, make('div', { class: 'names' }, parts.title, parts.sub), parts.end, parts.close),
      parts.strip, parts.body, parts.foot, parts.status);
    parts.close.addEventListener('click', () => this.#hide());
    parts.end.addEventListener('click', () => this.#confirmEnd());
    this.#panel.addEventListener('cancel', (event) => event.preventDefault());
    this.#panel.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      event.stopPropagation();
      if (parts.confirm) this.#cancelEnd();
      else this.#hide();
    });
    this.#root.append(this.#panel);
  }

  #button(textContent, act, look = { class: 'link' }) {
    const button = this.#kit.make('button', { type: 'button', textContent, ...look });
    button.addEventListener('click', act);
    return button;
  }

  /** Leads from the end of one conversation to the form of the next. */
  #again(look) {
    return this.#button(this.#texts.ended.again, () => {
      this.#reset();
      this.open();
    }, look);
  }

  #icon(name) {
    return this.#kit.icon(shapes[name]);
  }

  #present(withFocus) {
    const panel = this.#panel;
    if (Conversation.#current !== this) Conversation.#current?.#hide();
    Conversation.#current = this;
    if (panel.open) panel.close();
    if (panel.matches(':popover-open')) panel.hidePopover();
    // Small screens get a modal dialog: nothing of the page is left to reach behind it.
    if (this.#small.matches) {
      panel.removeAttribute('popover');
      panel.showModal();
    } else {
      panel.setAttribute('popover', 'manual');
      panel.showPopover();
    }
    this.#shown = true;
    this.#bell.talking = true;
    this.#remember();
    this.#speak();
    this.#scrollDown();
    if (withFocus) this.#focusFirst();
  }

  #hide() {
    const panel = this.#panel;
    if (panel.open) panel.close();
    if (panel.matches(':popover-open')) panel.hidePopover();
    this.#shown = false;
    Conversation.#current = undefined;
    this.#bell.talking = false;
    if (this.#view === 'ended' || this.#view === 'left') this.#reset();
    this.#remember();
    this.#speak();
    this.#bell.focus();
  }

  #focusFirst() {
    const { message, text, endTitle, close } = this.#parts;
    const first = { form: message, talk: text, ended: endTitle, left: endTitle }[this.#view];
    (first?.isConnected ? first : close).focus({ preventScroll: true });
  }

  #head({ title, sub, mark, initials }) {
    const parts = this.#parts;
    parts.title.textContent = title;
    parts.sub.replaceChildren(...(mark ? [this.#kit.icon(mark)] : []), this.#kit.make('span', { textContent: sub }));
    parts.who.replaceChildren(initials || this.#kit.icon(this.#kit.bell));
    parts.who.classList.toggle('named', Boolean(initials));
  }

  #announce(text) {
    const target = this.#shown ? this.#parts.status : null;
    if (target) target.textContent = text;
    else this.#bell.announce(text);
  }

  // --- the form ---

  #showForm() {
    const { make } = this.#kit;
    const parts = this.#parts;
    const { form } = this.#texts;
    this.#view = 'form';
    parts.end.hidden = true;
    parts.message = make('textarea', { id: 'message', rows: 4, maxLength: 2000, required: true, 'aria-describedby': 'hint error' });
    parts.error = make('p', { class: 'error', id: 'error', role: 'alert' });
    parts.ask = make('button', { class: 'primary wide', type: 'submit', part: 'ask' });
    parts.card = make('div', { class: 'card', part: 'situation' });
    parts.more = make('div', { class: 'fields' });
    parts.fine = make('div', { class: 'hint fine' });
    const whole = make('form', { class: 'form', noValidate: true }, parts.card, make('div', { class: 'fields' },
      make('label', { for: 'message', textContent: form.message }),
      make('p', { class: 'hint', id: 'hint', textContent: form.messageHint }), parts.message),
    parts.more, parts.error, parts.ask, parts.fine);
    whole.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#ask();
    });
    parts.body.replaceChildren(whole);
    parts.foot.replaceChildren();
    this.#fillSituation();
    this.#learnForm();
  }

  /** Asks what this site wants to know, and whether the shopper is known; the usual form does until then. */
  async #learnForm() {
    const form = await this.#bell.ask(`form?lang=${encodeURIComponent(this.#bell.locale)}`).then((answer) => answer.ok && answer.json()).catch(() => {});
    if (form) this.#form = form;
    if (form && this.#view === 'form') this.#fillSituation();
  }

  /** The fields beside the question, and what was typed into them before. */
  #fillFields(closed) {
    const { make } = this.#kit;
    const { more } = this.#parts;
    const { form: texts } = this.#texts;
    const { name, phone, email, consent, fields, remember, you } = this.#form;
    const kept = new FormData(more.closest('form'));
    const mode = JSON.stringify([closed, this.#form]);
    if (more.dataset.mode === mode) return;
    more.dataset.mode = mode;
    const label = (id, text, need) => make('label', { for: id }, `${text} `, ...(need === 'required' ? [] : [make('span', { class: 'hint', textContent: `(${texts.optional})` })]));
    const input = (id, text, need, properties = {}) => (need === 'off' ? [] : [label(id, text, need),
      make(properties.choices?.length ? 'select' : 'input', { id, name: id, maxLength: 254, ...properties, required: need === 'required', value: kept.get(id) ?? '' },
        ...(properties.choices?.length ? ['', ...properties.choices].map((choice) => make('option', { value: choice, textContent: choice, selected: choice === kept.get(id) })) : []))]);
    const box = (id, text) => make('label', { class: 'box' }, make('input', { type: 'checkbox', id, name: id, checked: kept.has(id) }), text);
    more.replaceChildren(
      ...input('name', texts.name, you?.name ? 'off' : name, { maxLength: 80, autocomplete: 'given-name' }),
      ...input('email', texts.email, closed && email === 'off' ? 'optional' : email, { type: 'email', autocomplete: 'email' }),
      ...input('phone', texts.phone, phone, { type: 'tel', maxLength: 32, autocomplete: 'tel', ...(you?.phone_ends ? { placeholder: texts.knownPhone(you.phone_ends) } : {}) }),
      ...(phone !== 'off' && consent ? [box('consent', consent)] : []),
      ...fields.flatMap(({ id, label: text, required, choices }) => input(`own-${id}`, text, required ? 'required' : 'optional', { choices, maxLength: 500 })),
      ...(remember === 'ask' && !you ? [box('remember', texts.remember)] : []),
    );
    this.#fillFine();
  }

  /** What is stored, and for whom it is stored: a look at it and its end. */
  #fillFine() {
    const { make } = this.#kit;
    const { form: texts } = this.#texts;
    const { remember, you } = this.#form;
    this.#parts.fine.replaceChildren(...(you
      ? [make('p', { textContent: texts.again(you.name, you.rep) }), this.#button(texts.data, () => this.#saveData()), ' ', this.#button(texts.forget, () => this.#forget())]
      : [make('p', { textContent: remember === 'click' ? `${texts.privacy} ${texts.cookie}` : texts.privacy })]));
  }

  async #saveData() {
    const answer = await this.#answer(this.#bell.ask('me'), this.#parts.error);
    if (answer) this.#save(await answer.text(), 'my-data.json', 'application/json');
  }

  async #forget() {
    const { error, fine, message } = this.#parts;
    if (!await this.#answer(this.#bell.ask('me', { method: 'DELETE' }), error)) return;
    this.#form = { ...this.#form, you: null };
    this.#fillSituation();
    fine.replaceChildren(this.#kit.make('p', { role: 'status', textContent: this.#texts.form.forgotten }));
    message.focus();
  }

  /** The answer, or nothing and why not in words. */
  async #answer(asked, words) {
    const answer = await asked.catch(() => null);
    if (answer?.ok) return answer;
    words.textContent = answer ? await refusal(answer, this.#texts, this.#kit.spokenTime) : this.#texts.problem.offline;
    return undefined;
  }

  /** Asks the gateway for something of this ticket. */
  #ticket({ id, token }, rest, options) {
    return fetch(new URL(`/v1/tickets/${encodeURIComponent(id)}${rest}`, this.#bell.base), { credentials: 'include', ...options, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } });
  }

  #fillSituation() {
    const { make, icon } = this.#kit;
    const parts = this.#parts;
    const { form: texts } = this.#texts;
    const { text, mark, range, state, back } = this.#bell.situation;
    const { topic } = this.#bell;
    const closed = state === 'closed';
    this.#head({ title: topic ? texts.about(topic) : texts.title, sub: closed ? back || texts.closedTitle : text, mark });
    const card = closed
      ? [icon(mark), make('div', {}, make('strong', { textContent: texts.closedTitle }),
        make('p', { textContent: texts.closedBody(back) }))]
      : state === 'wait' ? [icon(mark), make('div', {}, make('strong', { textContent: text }), ...(range ? [make('p', { textContent: range })] : []))] : [];
    parts.card.replaceChildren(...card);
    parts.card.hidden = !card.length;
    if (!parts.ask.ariaDisabled) parts.ask.textContent = closed ? texts.leave : texts.ask;
    this.#fillFields(closed);
  }

  /** The first thing that is missing, in words, with the field it is missing in. */
  #missing(closed) {
    const parts = this.#parts;
    const { form: texts } = this.#texts;
    const field = (id) => parts.more.querySelector(`#${id}`);
    const { you } = this.#form;
    if (!parts.message.value.trim()) return [parts.message, texts.messageMissing];
    const empty = [...parts.more.querySelectorAll('[required]')].find((one) => !one.value.trim() && !(one.id === 'phone' && you?.phone_ends));
    if (empty) return [empty, texts.missing(parts.more.querySelector(`[for="${empty.id}"]`).firstChild.textContent.trim())];
    if (field('email')?.validity.typeMismatch) return [field('email'), texts.contactMissing];
    if (field('phone')?.value.trim() && field('consent')?.checked === false) return [field('consent'), texts.consentMissing];
    if (closed && !field('email')?.value.trim() && !field('phone')?.value.trim() && !you?.phone_ends) return [field('email'), texts.contactMissing];
    return [];
  }

  async #ask() {
    const parts = this.#parts;
    const { form: texts } = this.#texts;
    const bell = this.#bell;
    const closed = bell.situation.state === 'closed';
    const [wrong, why = ''] = this.#missing(closed);
    for (const one of parts.body.querySelectorAll('[aria-invalid]')) one.ariaInvalid = null;
    parts.error.textContent = why;
    if (wrong) {
      wrong.ariaInvalid = true;
      return wrong.focus();
    }
    if (parts.ask.ariaDisabled) return undefined;
    parts.ask.ariaDisabled = true;
    parts.ask.textContent = texts.asking;
    const token = bell.getAttribute('token');
    const rep = bell.getAttribute('rep');
    const body = { message: parts.message.value.trim(), page: location.origin + location.pathname, lang: bell.locale };
    if (bell.skill) body.skills = [bell.skill];
    if (rep && !closed) body.rep = rep;
    for (const [id, value] of new FormData(parts.body.querySelector('form'))) {
      const [, own] = /^own-(.*)/.exec(id) ?? [];
      if (own && value.trim()) (body.details ??= {})[own] = value.trim();
      else if (value === 'on') body[id] = true;
      else if (!own && value.trim()) body[id] = value.trim();
    }
    const answer = await this.#answer(bell.ask(closed ? 'cases' : 'tickets', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(body),
    }), parts.error);
    const ticket = await answer?.json().catch(() => {});
    if (ticket && closed) this.#left(body.email ?? body.phone);
    else if (ticket) this.#begin(ticket, body.phone || this.#form.you?.phone_ends ? 'known' : this.#form.phone !== 'off' && 'asked');
    else {
      parts.ask.ariaDisabled = null;
      parts.ask.textContent = closed ? texts.leave : texts.ask;
    }
    return undefined;
  }

  /** A message was left: says where the answer comes. */
  #left(contact) {
    const { make } = this.#kit;
    const { form: texts } = this.#texts;
    const parts = this.#parts;
    this.#view = 'left';
    parts.endTitle = make('h3', { tabIndex: -1, textContent: texts.left });
    parts.body.replaceChildren(make('div', { class: 'left', part: 'left' }, this.#icon('sent'), parts.endTitle,
      make('p', { class: 'hint', textContent: texts.leftBody(contact) }), this.#again({ class: 'secondary' })));
    parts.endTitle.focus();
  }

  #begin(ticket, rings) {
    const { id, token, ws, events } = ticket;
    this.#session = { id, token, ws, events, rings, skill: this.#bell.skill, topic: this.#bell.topic };
    this.#bell.busy = true;
    this.#state = ticket;
    this.#repName = typeof ticket.rep === 'string' ? ticket.rep : '';
    this.#showTalk();
    this.#remember();
    this.#connect();
    this.#focusFirst();
    this.#announceState();
  }

  // --- what the tab remembers; written only after the click ---

  #remember() {
    try {
      if (!this.#session) return sessionStorage.removeItem(this.#bell.storageKey);
      const pending = [...this.#pending].map(([id, { text }]) => ({ id, text }));
      sessionStorage.setItem(this.#bell.storageKey, JSON.stringify({ ...this.#session, pending, shown: this.#shown }));
    } catch {
      // storage is refused: the conversation lives as long as this page
    }
    return undefined;
  }

  #reset() {
    this.#session = undefined;
    this.#last = this.#acknowledged = this.#unread = 0;
    this.#state = { state: 'queued' };
    this.#repName = '';
    this.#lines = [];
    this.#pending.clear();
    this.#view = '';
    this.#parts.body.replaceChildren();
    this.#parts.foot.replaceChildren();
  }

  // --- the conversation ---

  #connect() {
    this.#link?.stop();
    this.#caughtUp = false;
    this.#parts.log.ariaLive = 'off';
    this.#link = new Link(this.#bell.base, this.#session, {
      last: () => this.#last,
      frame: (frame) => this.#frame(frame),
      link: (live) => this.#linkChanged(live),
      gone: () => this.#finish(this.#texts.ended.gone),
    });
    clearInterval(this.#watchdog);
    this.#watchdog = setInterval(() => this.#watch(), 2_000);
  }

  // A network that loses one direction leaves the socket open: unconfirmed lines betray it, and silence.
  #watch() {
    const oldest = Math.min(...[...this.#pending.values()].map(({ saidAt }) => saidAt ?? Infinity));
    const silent = this.#link?.beats && Date.now() - this.#link.heardAt > SILENCE;
    if (this.#link?.live && (silent || Date.now() - oldest > ANSWER_TIMEOUT)) this.#link.renew();
  }

  #linkChanged(live) {
    const strip = this.#parts.strip;
    if (live) {
      clearTimeout(this.#stripTimer);
      this.#stripTimer = undefined;
      this.#caughtUp = true;
      strip.textContent = '';
      requestAnimationFrame(() => { if (this.#parts.log) this.#parts.log.ariaLive = 'polite'; });
      for (const [id, line] of this.#pending) this.#sayNow(id, line);
      return;
    }
    for (const line of this.#pending.values()) line.saidAt = undefined;
    this.#parts.typing.hidden = true;
    this.#stripTimer ??= setTimeout(() => {
      if (this.#view === 'talk') strip.textContent = this.#caughtUp ? this.#texts.talk.reconnecting : this.#texts.talk.connecting;
      this.#drawPending();
    }, 700);
  }

  #frame(frame) {
    if (frame.type === 'line') this.#heardLine(frame);
    else if (frame.type === 'typing' && frame.from === 'rep') this.#heardTyping();
    else if (frame.type === 'state') this.#heardState(frame);
    else if (frame.type === 'error') this.#heardError(frame);
  }

  #showTalk() {
    const { make } = this.#kit;
    const parts = this.#parts;
    this.#view = 'talk';
    parts.place = make('div');
    parts.call = make('div');
    parts.waiting = make('section', { class: 'waiting', part: 'waiting', hidden: true }, parts.place, parts.call);
    parts.said = make('div', { class: 'said' });
    parts.unsaid = make('div', { class: 'unsaid', 'aria-live': 'off' });
    parts.log = make('div', { class: 'log', role: 'log', part: 'log', tabIndex: 0, 'aria-label': this.#texts.talk.log, 'aria-live': 'off' }, parts.said, parts.unsaid);
    parts.typing = make('p', { class: 'typing', hidden: true }, make('span', { class: 'dots', 'aria-hidden': 'true' }, ...[0, 1, 2].map(() => make('i'))), make('span'));
    parts.end.hidden = false;
    parts.text = make('textarea', { class: 'text-in', rows: 1, maxLength: 2000, part: 'input' });
    const send = make('button', { class: 'square send', type: 'submit', part: 'send', 'aria-label': this.#texts.talk.send, title: this.#texts.talk.send }, this.#icon('send'));
    const composer = make('form', { class: 'composer' }, parts.text, send);
    composer.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#say();
    });
    parts.text.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#say();
    });
    parts.text.addEventListener('input', () => this.#typed());
    parts.body.replaceChildren(parts.waiting, parts.log, parts.typing);
    parts.foot.replaceChildren(composer);
    this.#drawPending();
    this.#drawState();
  }

  #say() {
    const { text } = this.#parts;
    const words = text.value.trim();
    if (!words) return;
    const id = [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join('');
    text.value = '';
    text.style.blockSize = '';
    this.#typedAt = 0;
    const line = { text: words };
    this.#pending.set(id, line);
    this.#sayNow(id, line);
    this.#remember();
    this.#drawPending();
    this.#scrollDown();
  }

  #sayNow(id, line) {
    if (!this.#link?.live || line.refused) return;
    line.saidAt ??= Date.now();
    this.#link.send({ type: 'say', id, text: line.text });
  }

  #heardError({ about, id, status, detail, retry_after: seconds = 2 }) {
    if (about === 'call') return this.#parts.callWords?.append(detail);
    if (about === 'open' && status === 404) return this.#finish(this.#texts.ended.gone);
    const line = this.#pending.get(id);
    if (!line) return undefined;
    line.saidAt = undefined;
    // Too fast or too busy passes by itself; anything else would only be refused again.
    if (status === 429 || status >= 500) setTimeout(() => this.#pending.has(id) && this.#sayNow(id, line), seconds * 1000);
    else line.refused = true;
    return this.#drawPending();
  }

  #typed() {
    const { text } = this.#parts;
    text.style.blockSize = 'auto';
    text.style.blockSize = `${Math.min(text.scrollHeight + 2, 132)}px`;
    if (!text.value || Date.now() - this.#typedAt < TYPING_EVERY) return;
    this.#typedAt = Date.now();
    if (this.#link?.live) this.#link.send({ type: 'typing' });
  }

  #heardTyping() {
    const { typing } = this.#parts;
    clearTimeout(this.#typingTimer);
    typing.lastChild.textContent = this.#texts.talk.typing(this.#repName || this.#texts.someoneName);
    typing.hidden = false;
    this.#scrollDown(true);
    this.#typingTimer = setTimeout(() => { typing.hidden = true; }, TYPING_SHOWN);
  }

  #heardLine(line) {
    if (!(line.seq > this.#last)) return;
    const following = this.#atBottom();
    this.#last = line.seq;
    this.#lines.push(line);
    if (line.id !== undefined && this.#pending.delete(line.id)) {
      this.#remember();
      this.#drawPending();
    }
    if (line.from === 'rep') {
      const { log, typing, waiting } = this.#parts;
      typing.hidden = true;
      // Whoever waits once more reads so below what was said.
      if (log.nextSibling !== waiting) log.after(waiting);
      this.#repName = line.name || this.#repName;
      if (this.#caughtUp && !this.#visible()) {
        this.#unread += 1;
        this.#bell.announce(this.#texts.pill.news(this.#unread, this.#repName || this.#texts.someoneName));
      }
    }
    this.#drawLine(line);
    if (following || line.from === 'shopper') this.#scrollDown();
    this.#seen();
    this.#speak();
  }

  #heardState(frame) {
    const before = this.#state;
    this.#state = frame;
    if (typeof frame.rep === 'string') this.#repName = frame.rep;
    this.#drawState();
    // Asked once for each rep who answers, so that the cookie knows whom to bring the shopper back to. Who is asked is named before.
    if (frame.state === 'open' && (before.state !== 'open' || frame.rep !== before.rep)) {
      this.#ticket(this.#session, '').catch(() => {});
      this.#rating().catch(() => {});
    }
    const told = ({ state, position, rep }) => `${state} ${position ?? ''} ${rep ?? ''}`;
    if (told(before) !== told(frame)) this.#announceState();
    this.#speak();
    if (FINAL.has(frame.state)) this.#finish(frame.state === 'abandoned' ? this.#texts.ended.left : this.#texts.ended.title);
  }

  #visible() {
    return this.#shown && !document.hidden;
  }

  #seen() {
    if (!this.#visible() || this.#view !== 'talk') return;
    this.#unread = 0;
    if (this.#last > this.#acknowledged && this.#link?.live) {
      this.#acknowledged = this.#last;
      this.#link.send({ type: 'ack', seq: this.#last });
    }
  }

  /** What the ticket's state is called: on the card, in the header, on the bell and aloud. */
  #stateWords() {
    const { talk, pill } = this.#texts;
    const { state, position, wait, callback, rep } = this.#state;
    const spoken = wait ? this.#kit.spokenWait(wait) : {};
    if (state === 'open') return { card: '', sub: talk.here, mark: 'available', pill: pill.open(this.#short()) };
    if (state === 'offered') {
      const card = talk.offered(rep);
      return { card, body: talk.offeredBody, sub: card, mark: 'available', pill: pill.asking };
    }
    if (state === 'callback' || callback) {
      const card = { 'calling-you': talk.callback, talking: talk.onPhone }[callback?.stage] ?? talk.willCall;
      return { card, body: callback?.number, sub: card, mark: 'busy', pill: card };
    }
    const card = position === 1 ? talk.next : position ? talk.place(position) : talk.waiting;
    return { card, about: spoken.about, range: spoken.range, sub: spoken.about ?? card, mark: 'busy', pill: position ? pill.place(position, spoken.about) : pill.waiting };
  }

  #short() {
    const name = this.#repName || this.#texts.someoneName;
    return name.length > 16 ? `${name.slice(0, 15)}…` : name;
  }

  #speak() {
    if (!this.#session || this.#shown) return this.#bell.speak(undefined);
    const { pill, mark } = this.#stateWords();
    const text = this.#unread ? this.#texts.pill.news(this.#unread, this.#short()) : pill;
    return this.#bell.speak({ text, mark, unread: this.#unread });
  }

  #announceState() {
    const { card, about, sub } = this.#stateWords();
    this.#announce(card ? [card, about].filter(Boolean).join('. ') : `${this.#repName || this.#texts.someoneName}: ${sub}`);
  }

  #drawState() {
    if (this.#view !== 'talk') return;
    const { make } = this.#kit;
    const { waiting, text, end } = this.#parts;
    const words = this.#stateWords();
    const following = this.#atBottom();
    const open = this.#state.state === 'open';
    this.#drawDelivery();
    this.#parts.typing.hidden ||= !open;
    const named = open || this.#state.rep ? this.#repName : '';
    const topic = this.#session.topic || this.#bell.topic;
    this.#head({
      title: named || (topic ? this.#texts.form.about(topic) : this.#texts.form.title),
      sub: words.sub, mark: words.mark,
      initials: initialsOf(named),
    });
    waiting.hidden = !words.card;
    this.#parts.place.replaceChildren(make('p', { class: 'place', textContent: words.card }),
      ...(words.about ? [make('p', { class: 'promise', textContent: words.about }), make('p', { class: 'hint', textContent: words.range })]
        : words.body ? [make('p', { class: 'hint', dir: 'auto', textContent: words.body })] : []),
      ...(open ? [] : [make('p', { class: 'keep', textContent: this.#texts.talk.keep })]));
    this.#drawCall();
    end.textContent = open ? this.#texts.talk.end : this.#texts.talk.leave;
    text.placeholder = open ? this.#texts.talk.write : this.#texts.talk.writeWaiting;
    text.ariaLabel = text.placeholder;
    if (following) this.#scrollDown();
  }

  /** Who waits can be rung instead, and can think better of it. */
  #drawCall() {
    const { make } = this.#kit;
    const { talk, form } = this.#texts;
    const { state, callback } = this.#state;
    const { call, text } = this.#parts;
    const offers = callback ? this.#stateWords().card === talk.willCall && 'uncall' : state === 'queued' && this.#session.rings;
    // What somebody writes in stays the same field, whatever else the card says.
    if (call.offers === offers) return;
    call.offers = offers;
    const hadFocus = call.contains(this.#root.activeElement);
    if (!offers) call.replaceChildren();
    else if (callback) call.replaceChildren(this.#button(talk.uncall, () => this.#link.send({ type: 'uncall' })));
    else {
      const words = make('p', { class: 'error', role: 'alert' });
      const number = make('input', { type: 'tel', maxLength: 32, autocomplete: 'tel', hidden: offers === 'known', 'aria-label': form.phone, placeholder: form.phone, value: this.#parts.number?.value ?? '' });
      Object.assign(this.#parts, { number, callWords: words });
      call.replaceChildren(number, this.#button(talk.callMe, () => {
        const phone = number.value.trim();
        if (!phone && !number.hidden) return number.focus();
        words.textContent = '';
        return this.#link.send({ type: 'call', ...(phone ? { phone } : {}) });
      }), words);
    }
    if (hadFocus) (call.querySelector('button') ?? text).focus();
  }

  // --- lines ---

  #group(line, into) {
    const { make } = this.#kit;
    const at = new Date(line.at ?? Date.now());
    const key = `${line.from} ${line.name ?? ''} ${Math.floor(at / 60_000)}`;
    const last = into.lastElementChild;
    if (last?.dataset.key === key) return last;
    const group = make('div', { class: `group ${line.from}`, 'data-key': key });
    if (line.from === 'rep') group.append(make('p', { class: 'name', textContent: line.name || this.#repName || this.#texts.someoneName }));
    else if (line.from === 'shopper') group.append(make('p', { class: 'quiet', textContent: this.#texts.you }));
    if (line.from !== 'system') {
      const foot = make('p', { class: 'when' });
      if (line.at) foot.append(make('time', { dateTime: at.toISOString(), textContent: at.toLocaleTimeString(this.#bell.region, { hour: 'numeric', minute: '2-digit' }) }));
      group.append(foot);
    }
    into.append(group);
    return group;
  }

  #drawLine(line) {
    const { make } = this.#kit;
    const group = this.#group(line, this.#parts.said);
    const shown = make('p', { class: 'line', part: `line line-${line.from}`, dir: 'auto', textContent: line.text });
    const foot = group.querySelector('.when');
    if (foot) foot.before(shown);
    else group.append(shown);
    if (line.from !== 'shopper') return;
    this.#parts.delivery?.remove();
    this.#parts.delivery = make('span', { class: 'delivery', 'data-seq': line.seq });
    foot.append(this.#parts.delivery);
    this.#drawDelivery();
  }

  /** The mark under the last line of one's own: here, or on the rep's phone. That it was read is not promised. */
  #drawDelivery() {
    const { delivery } = this.#parts;
    if (!delivery?.isConnected) return;
    const there = this.#state.delivered >= Number(delivery.dataset.seq);
    delivery.replaceChildren(this.#icon(there ? 'there' : 'sent'), there ? this.#texts.talk.delivered(this.#state.rep && this.#short()) : this.#texts.talk.sent);
  }

  #drawPending() {
    const { make } = this.#kit;
    const { unsaid } = this.#parts;
    if (!unsaid) return;
    unsaid.replaceChildren();
    for (const line of this.#pending.values()) {
      const group = this.#group({ from: 'shopper', at: 0 }, unsaid);
      const foot = group.querySelector('.when');
      foot.before(make('p', { class: 'line', textContent: line.text }));
      const words = line.refused ? this.#texts.talk.notSent : this.#link?.live ? this.#texts.talk.sending : this.#texts.talk.held;
      foot.replaceChildren(...(line.refused ? [this.#icon('alert')] : []), words);
    }
  }

  #atBottom() {
    const { body } = this.#parts;
    return body.scrollHeight - body.scrollTop - body.clientHeight < 48;
  }

  #scrollDown(onlyIfThere = false) {
    const { body } = this.#parts;
    if (onlyIfThere && !this.#atBottom()) return;
    body.scrollTop = body.scrollHeight;
  }

  // --- the end ---

  #confirmEnd() {
    const { make } = this.#kit;
    const parts = this.#parts;
    if (parts.confirm) return;
    const open = this.#state.state === 'open';
    const yes = this.#button(open ? this.#texts.talk.confirmYes : this.#texts.talk.confirmLeaveYes, () => this.#end(), { class: 'secondary danger' });
    const no = this.#button(this.#texts.talk.confirmNo, () => this.#cancelEnd(), { class: 'secondary' });
    parts.confirm = make('div', { class: 'confirm', role: 'group', 'aria-labelledby': 'confirm' },
      make('p', { id: 'confirm', textContent: open ? this.#texts.talk.confirmEnd : this.#texts.talk.confirmLeave }), yes, no);
    parts.foot.prepend(parts.confirm);
    this.#scrollDown();
    no.focus();
  }

  #cancelEnd() {
    this.#parts.confirm?.remove();
    this.#parts.confirm = undefined;
    this.#focusFirst();
  }

  async #end() {
    this.#cancelEnd();
    if (this.#link?.live) return this.#link.send({ type: 'end' });
    const left = await this.#ticket(this.#session, '', { method: 'DELETE' }).catch(() => null);
    if (left?.ok) this.#finish(this.#texts.ended.title);
    else this.#announce(this.#texts.problem.offline);
    return undefined;
  }

  #finish(title) {
    if (this.#view === 'ended') return;
    const { make } = this.#kit;
    const parts = this.#parts;
    const session = this.#session;
    const lines = this.#lines;
    const rated = lines.some(({ from }) => from === 'rep');
    const hadFocus = parts.foot.contains(this.#root.activeElement) || this.#root.activeElement === parts.end;
    this.#link?.stop();
    clearInterval(this.#watchdog);
    clearTimeout(this.#stripTimer);
    clearTimeout(this.#typingTimer);
    this.#view = 'ended';
    this.#pending.clear();
    this.#session = undefined;
    this.#bell.busy = false;
    this.#remember();
    parts.confirm = undefined;
    parts.strip.textContent = '';
    parts.typing.hidden = parts.waiting.hidden = parts.end.hidden = true;
    this.#drawPending();
    this.#head({ title: this.#repName || this.#texts.form.title, sub: title, mark: 'offline', initials: initialsOf(this.#repName) });
    parts.endTitle = make('h3', { tabIndex: -1, textContent: title });
    const save = make('button', { class: 'secondary', type: 'button' }, this.#icon('save'), this.#texts.ended.transcript);
    save.addEventListener('click', () => this.#saveTranscript(session, lines));
    const card = make('section', { class: 'end', part: 'end-card' }, parts.endTitle,
      make('div', { class: 'row' }, this.#again({ class: 'primary', part: 'again' }), ...(lines.length ? [save] : [])));
    parts.foot.replaceChildren(card);
    if (rated) this.#askForRating(session);
    this.#scrollDown();
    this.#speak();
    this.#announce(title);
    if (hadFocus) parts.endTitle.focus();
  }

  /** Fetched as soon as somebody answers, so that it is there even if the network is not. */
  #rating() {
    return import(new URL('./rating.js', import.meta.url).href);
  }

  async #askForRating(session) {
    const { endTitle } = this.#parts;
    const { ratingForm } = await this.#rating().catch(() => ({}));
    if (!ratingForm || !endTitle.isConnected) return;
    endTitle.after(ratingForm(this.#root, {
      ...this.#kit, texts: this.#texts.ended, grown: () => this.#scrollDown(),
      rate: (body, words) => this.#answer(this.#ticket(session, '/rating', { method: 'POST', body: JSON.stringify(body) }), words),
    }));
    this.#scrollDown();
  }

  #saveTranscript({ id }, lines) {
    const who = ({ from, name }) => (from === 'shopper' ? this.#texts.you : name || '');
    const said = lines.map((line) => `${new Date(line.at).toLocaleString(this.#bell.region)}  ${who(line) ? `${who(line)}: ` : ''}${line.text}`);
    this.#save(`${said.join('\n')}\n`, `conversation-${id}.txt`, 'text/plain');
  }

  #save(text, download, type) {
    const href = URL.createObjectURL(new Blob([text], { type }));
    this.#kit.make('a', { href, download }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  }
}

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --_on-accent: var(--deskbell-on-accent, light-dark(#fff, #0d1526));
  --_surface-2: var(--deskbell-surface-2, light-dark(#f3f4f7, #232834));
}
.badge {
  min-inline-size: 20px; padding: 0 6px; border-radius: 999px; background: var(--_accent); color: var(--_on-accent);
  font-size: 13px; line-height: 20px; text-align: center; font-variant-numeric: tabular-nums;
}
.panel {
  position: fixed; inset: auto; inset-block-end: 24px; inset-inline-end: 24px; margin: 0; padding: 0; overflow: hidden;
  inline-size: 380px; max-inline-size: calc(100vw - 32px); block-size: 600px; max-block-size: calc(100dvh - 48px);
  border: 1px solid var(--_line); border-radius: 12px; background: var(--_surface); color: var(--_text);
  box-shadow: 0 2px 6px rgb(0 0 0 / .06), 0 16px 48px rgb(0 0 0 / .18); font: inherit; text-align: start;
}
.panel:popover-open, .panel[open] { display: flex; flex-direction: column; animation: rise .16s ease-out; }
@keyframes rise { from { opacity: 0; transform: translateY(8px); } }
.panel::backdrop { background: none; }
.panel [hidden] { display: none !important; }
:where(.panel) :where(p, h2, h3) { margin: 0; font-size: inherit; }
.head { display: flex; align-items: center; gap: 12px; padding: 12px; padding-inline-start: 16px; border-block-end: 1px solid var(--_line); }
.who {
  display: grid; place-items: center; flex: none; inline-size: 36px; block-size: 36px; border-radius: 50%;
  background: var(--_surface-2); color: var(--_accent); font-size: 13px; font-weight: 600;
}
.who.named { background: var(--_accent); color: var(--_on-accent); }
.names { flex: 1; min-inline-size: 0; }
.title { font-weight: 600; line-height: 1.3; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.title::first-letter { text-transform: uppercase; }
.sub { display: flex; align-items: center; gap: 6px; color: var(--_muted); font-size: 13px; line-height: 1.4; }
.sub .mark { inline-size: 10px; block-size: 10px; }
:where(.panel button) { font: inherit; cursor: pointer; border-radius: 8px; border: 1px solid transparent; color: inherit; background: none; }
.square { display: grid; place-items: center; flex: none; inline-size: 36px; block-size: 36px; padding: 0; }
.plain { padding: 5px 10px; font-size: 13px; color: var(--_muted); border-color: var(--_line); }
.square:hover, .plain:hover { background: var(--_surface-2); }
.primary { padding: 9px 16px; font-weight: 500; background: var(--_accent); color: var(--_on-accent); }
.primary:hover, .send:hover { background: color-mix(in srgb, var(--_accent) 88%, var(--_text)); }
.primary[aria-disabled] { opacity: .65; cursor: default; }
.wide { inline-size: 100%; min-block-size: 44px; margin-block-start: 16px; }
.secondary { display: inline-flex; align-items: center; gap: 6px; padding: 8px 14px; border-color: var(--_line); }
.secondary:hover { background: var(--_surface-2); }
.danger { color: var(--_busy); }
.strip:empty { display: none; }
.strip { padding: 4px 16px; background: var(--_surface-2); color: var(--_muted); font-size: 13px; text-align: center; border-block-end: 1px solid var(--_line); }
.body { flex: 1; min-block-size: 0; overflow-y: auto; overscroll-behavior: contain; padding: 16px; display: flex; flex-direction: column; }
.form, .fields { display: flex; flex-direction: column; }
.fields label { font-weight: 500; }
.fields label:not(:first-child) { margin-block-start: 16px; }
.hint { color: var(--_muted); font-size: 13px; font-weight: 400; }
.fine { margin-block-start: 12px; text-align: center; text-wrap: balance; }
:where(.panel) textarea, :where(.panel) select, :where(.panel) input:not([type=checkbox], [type=radio]) {
  inline-size: 100%; margin: 0; padding: 9px 12px; border: 1px solid color-mix(in srgb, var(--_muted) 72%, var(--_surface)); border-radius: 8px;
  background: var(--_surface); color: inherit; font: inherit; resize: none;
}
.fields :is(textarea, select, input:not([type=checkbox])) { margin-block-start: 6px; }
.fields + .fields { margin-block-start: 16px; } .fields:empty { display: none; }
.fields .box { display: flex; gap: 10px; font-size: 13px; font-weight: 400; }
.box input { flex: none; inline-size: 24px; block-size: 24px; margin: -2px 0 0; accent-color: var(--_accent); }
.link { padding: 4px 8px; color: var(--_accent); font-size: 13px; text-decoration: underline; }
.left { margin: auto; display: grid; place-items: center; gap: 8px; text-align: center; }
.left > .icon { inline-size: 40px; block-size: 40px; color: var(--_available); }
.left h3 { font-weight: 600; }
::placeholder { color: var(--_muted); opacity: 1; }
textarea:focus-visible, select:focus-visible, input:focus-visible { outline-offset: -1px; border-color: var(--_accent); }
.panel [aria-invalid] { border-color: var(--_busy); }
.error { color: var(--_busy); font-size: 13px; }
.error:not(:empty) { margin-block-start: 12px; }
.card { display: flex; gap: 10px; padding: 12px 14px; margin-block-end: 20px; border-radius: 8px; background: var(--_surface-2); }
.card .mark { margin-block-start: 5px; }
.card strong { font-weight: 600; }
.card p { color: var(--_muted); font-size: 13px; }
.waiting { margin-block-end: 20px; padding: 20px 16px; border: 1px solid var(--_line); border-radius: 12px; text-align: center; }
.place { color: var(--_muted); }
.promise { font-size: 22px; font-weight: 600; line-height: 1.3; margin-block: 2px; }
.place:has(+ :not(.promise)) { color: var(--_text); font-size: 17px; font-weight: 600; }
.waiting input { margin-block-start: 12px; }
.keep { margin-block-start: 14px; padding-block-start: 14px; border-block-start: 1px solid var(--_line); font-size: 13px; color: var(--_muted); }
.log { flex: 1; outline-offset: 4px; border-radius: 4px; }
.group { display: flex; flex-direction: column; align-items: flex-start; gap: 3px; margin-block-end: 14px; max-inline-size: 84%; }
.group.shopper { align-items: flex-end; margin-inline-start: auto; }
.group.system { align-items: center; max-inline-size: none; text-align: center; }
.name { font-size: 13px; font-weight: 500; color: var(--_muted); }
.line { padding: 8px 12px; border-radius: 12px; background: var(--_surface-2); white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid transparent; }
.rep .line { border-end-start-radius: 4px; }
.shopper .line { background: var(--_accent); color: var(--_on-accent); border-end-end-radius: 4px; }
.system .line { padding: 0; background: none; color: var(--_muted); font-size: 13px; }
.unsaid .line { background: none; border-color: var(--_accent); color: inherit; }
.when { display: flex; align-items: center; gap: 8px; color: var(--_muted); font-size: 13px; font-variant-numeric: tabular-nums; }
.when .icon { inline-size: 14px; block-size: 14px; }
.delivery { display: inline-flex; align-items: center; gap: 3px; }
.typing { display: flex; align-items: center; gap: 8px; color: var(--_muted); font-size: 13px; }
.dots { display: inline-flex; gap: 3px; }
.dots i { inline-size: 5px; block-size: 5px; border-radius: 50%; background: currentColor; animation: breathe 1.4s infinite; }
.dots i:nth-child(2) { animation-delay: .2s; } .dots i:nth-child(3) { animation-delay: .4s; }
@keyframes breathe { 0%, 60%, 100% { opacity: .3; } 30% { opacity: 1; } }
.composer { display: flex; align-items: flex-end; gap: 8px; padding: 12px; border-block-start: 1px solid var(--_line); }
.text-in { min-block-size: 40px; max-block-size: 132px; padding-block: 8px; }
.send { inline-size: 40px; block-size: 40px; background: var(--_accent); color: var(--_on-accent); }
.send:dir(rtl) .icon { transform: scaleX(-1); }
.confirm { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; padding: 12px 16px; border-block-start: 1px solid var(--_line); background: var(--_surface-2); font-size: 13px; }
.confirm p { flex: 1 0 100%; font-weight: 500; }
.confirm button { background: var(--_surface); }
.end { padding: 16px; border-block-start: 1px solid var(--_line); }
.end h3 { font-weight: 600; outline: none; }
.row { display: flex; flex-wrap: wrap; gap: 8px; margin-block-start: 14px; }
@media (max-width: 479.98px) {
  .panel { inset: 0; inline-size: 100%; max-inline-size: none; block-size: 100dvh; max-block-size: none; border: 0; border-radius: 0; }
  .panel :is(textarea, select, input) { font-size: 16px; }
}
@media (forced-colors: active) { .line, .card, .who, .primary, .send { border: 1px solid !important; } }
@media (prefers-reduced-motion: reduce) { .dots i { opacity: .7; } }
`);
