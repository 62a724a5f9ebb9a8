// The bell: a site's live status on one button, as the custom element <deskbell-help>.
// Must not know how a conversation is held: that is conversation.js, fetched at the first click.

/** The bell's English; the panel's is with it, and other languages are fetched from texts/ where a page speaks them. */
const english = {
  purpose: 'Ask for help.',
  unknown: 'Ask for help',
  lost: 'Not connected',
  someone: 'Somebody can help now',
  people: (n) => (n === 1 ? '1 person can help now' : `${n} people can help now`),
  named: (name, topic) => `${name} can help${topic ? ` with ${topic}` : ''} now`,
  noEstimate: "We can't tell how long yet",
  closed: 'Nobody is on duty right now',
  about: (minutes) => (minutes ? `About ${english.time(minutes)}` : 'Under a minute'),
  time: (n) => ({ 0: 'under a minute', 1: 'a minute', 30: 'half an hour', 60: 'an hour' })[n] ?? (n < 60 ? `${n} minutes` : `${n / 60} hours`),
  range: (low, high, confidence) => {
    const upper = english.time(high);
    const lower = upper.endsWith('minutes') ? low : english.time(low);
    return `${low && low < high ? `${lower} to ` : 'Up to '}${upper}${confidence ? `, ${Math.round(confidence * 10)} times out of 10` : ''}`;
  },
  back: (day, time) => (day ? `Back ${day} at ${time}` : `Back at ${time}`),
  tomorrow: 'tomorrow',
  on: (day) => `on ${day}`,
  cannotOpen: 'Help could not be opened. Try again.',
};
const LANGUAGES = ['de', 'fr', 'es', 'tr', 'ar'];

// Minutes as people say them.
const STEPS = [0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60, 120, 180, 240, 480];

/** The step nearest to a time, or the next one below (-1) or above (1). */
function nearest(seconds, side = 0) {
  const minutes = seconds / 60;
  const above = STEPS.find((step) => step >= minutes) ?? STEPS.at(-1);
  const below = STEPS.findLast((step) => step <= minutes);
  const lower = side ? side < 0 : minutes < 1 || minutes - below < above - minutes;
  return lower ? below : above;
}

/** An estimate in words; its range is rounded outwards, so that it promises no more than was estimated. */
function spokenWait(texts, { seconds, low, high, confidence }) {
  const minutes = nearest(seconds);
  return { about: texts.about(minutes), range: texts.range(nearest(low, -1), nearest(high, 1), confidence) };
}

function spokenReturn(texts, opens, language) {
  const then = new Date(opens);
  if (Number.isNaN(then.getTime())) return texts.closed;
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  const days = Math.round((midnight(then) - midnight(new Date())) / 864e5);
  const format = (options) => new Intl.DateTimeFormat(language, options).format(then);
  const day = days <= 0 ? '' : days === 1 ? texts.tomorrow
    : texts.on(format(days < 7 ? { weekday: 'long' } : { day: 'numeric', month: 'short' }));
  return texts.back(day, format({ hour: 'numeric', minute: '2-digit' }));
}

/** Makes an element with properties, or attributes where it has no such property. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const key in properties) {
    if (key in element && key !== 'part') element[key] = properties[key];
    else element.setAttribute(key, properties[key]);
  }
  element.append(...children);
  return element;
}

const BELL = ['M8.5 3.5h3', 'M10 3.5V6', 'M4 13.5a6 6 0 0 1 12 0z', 'M2.75 16.5h14.5'];
const DISC = 'M6 1a5 5 0 1 0 0 10A5 5 0 1 0 6 1z';
const MARKS = {
  available: [DISC],
  busy: [DISC, 'M3.5 6h5'],
  away: ['M7.6 1.2A5 5 0 1 0 10.9 7.2 4.2 4.2 0 0 1 7.6 1.2z'],
  offline: ['M6 2a4 4 0 1 0 0 8A4 4 0 1 0 6 2z'],
};

/** Draws a state mark by its name (12 units) or an icon from its paths (20 units). */
function icon(drawing) {
  const mark = MARKS[drawing];
  const draw = (tag, attributes) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    return node;
  };
  const size = mark ? 12 : 20;
  const svg = draw('svg', { viewBox: `0 0 ${size} ${size}`, width: size, height: size, class: mark ? `mark ${drawing}` : 'icon', 'aria-hidden': true });
  svg.append(...(mark ?? drawing).map((d) => draw('path', { d })));
  return svg;
}

// Colours follow the page's own `color-scheme`; a page sets the public --deskbell-… properties.
const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --_accent: var(--deskbell-accent, light-dark(#2457d6, #8fb0ff));
  --_surface: var(--deskbell-surface, light-dark(#fff, #171a21));
  --_text: var(--deskbell-text, light-dark(#171a21, #eef0f5));
  --_muted: var(--deskbell-muted, light-dark(#5b6474, #a3acbb));
  --_line: var(--deskbell-line, light-dark(#dfe2e8, #333a48));
  --_available: var(--deskbell-available, light-dark(#1a7f4b, #46c487));
  --_busy: var(--deskbell-busy, light-dark(#b3261e, #ff8a80));
  --_away: var(--deskbell-away, light-dark(#9a6700, #e3b341));
  --_offline: var(--deskbell-offline, light-dark(#6b7382, #9aa3b2));
  font: 15px/1.45 var(--deskbell-font, system-ui, sans-serif);
  color: var(--_text);
  position: fixed; inset-block-end: 24px; inset-inline-end: 24px; z-index: 2147483000;
}
:host([inline]) { position: static; }
* { box-sizing: border-box; }
.quiet { position: absolute; inline-size: 1px; block-size: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.icon { fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
.mark { fill: currentColor; }
svg { flex: none; }
.busy path + path { stroke: var(--_surface); stroke-width: 2; stroke-linecap: round; }
.offline path { fill: none; stroke: currentColor; stroke-width: 2; }
.available { color: var(--_available); } .busy { color: var(--_busy); }
.away { color: var(--_away); } .offline { color: var(--_offline); }
.frame { position: relative; display: inline-block; }
.bell {
  display: inline-flex; align-items: center; gap: 8px; min-block-size: 44px;
  padding-inline: 14px 18px; border: 1px solid var(--_line); border-radius: 999px;
  background: var(--_surface); color: var(--_text); box-shadow: 0 1px 2px rgb(0 0 0 / .06), 0 6px 20px rgb(0 0 0 / .12);
  font: inherit; font-weight: 500; cursor: pointer;
}
:host([inline]) .bell { box-shadow: none; }
.bell > .icon { color: var(--_accent); margin-inline-end: 2px; }
.bell:hover { border-color: var(--_accent); }
.muted, .muted > .icon { color: var(--_muted); }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
.range {
  position: absolute; inset-block-end: calc(100% + 6px); inset-inline-end: 0; inline-size: max-content;
  padding: 6px 12px; border-radius: 8px; background: var(--_text); color: var(--_surface); font-size: 13px;
  visibility: hidden;
}
:host([inline]) .range { inset-inline: 0 auto; }
.frame:hover .range, .bell:focus-visible + .range { visibility: visible; }
.range:empty { display: none; }
:host([talking]:not([inline])) .frame { visibility: hidden; }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
@media (forced-colors: active) { svg { color: CanvasText !important; } .busy path + path { stroke: Canvas; } .range { border: 1px solid; } }
`);

/** One stream of a site's presence, shared by every bell of that site on the page, and by the pages of all tabs that are seen. */
class Feed {
  #address;
  #bells = new Set();
  #latest;
  #source;
  #timer;
  #quit;
  #tabs;

  constructor(address) {
    this.#address = address;
    const restart = () => {
      this.#stop();
      this.#follow();
    };
    document.addEventListener('visibilitychange', restart);
    for (const type of ['pageshow', 'online', 'offline']) addEventListener(type, restart);
    addEventListener('pagehide', () => this.#stop());
  }

  join(bell) {
    this.#bells.add(bell);
    bell.show(this.#latest);
    this.#follow();
  }

  leave(bell) {
    this.#bells.delete(bell);
    this.#follow();
  }

  #tell(presence) {
    this.#latest = presence;
    for (const bell of this.#bells) bell.show(presence);
    if (this.#source) this.#tabs?.postMessage(presence);
  }

  #hear(presence) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tell(presence);
  }

  #follow() {
    if (!this.#bells.size || document.hidden) return this.#stop();
    if (!navigator.onLine) return this.#tell(null);
    if (this.#quit) return;
    this.#share();
    this.#pollIn(4000);
  }

  #stop() {
    this.#quit?.abort();
    this.#tabs?.close();
    this.#source?.close();
    clearTimeout(this.#timer);
    this.#quit = this.#tabs = this.#source = this.#timer = undefined;
  }

  // The tab that holds the lock listens and tells the others; when it goes, the next one gets the lock.
  #share() {
    const { signal } = (this.#quit = new AbortController());
    const { locks } = navigator;
    if (!locks) return this.#listen();
    const name = `deskbell ${this.#address}`;
    this.#tabs = new BroadcastChannel(name);
    this.#tabs.onmessage = ({ data }) => {
      if (data !== '?') this.#hear(data);
      else if (this.#source && this.#latest) this.#tell(this.#latest);
    };
    this.#tabs.postMessage('?');
    locks.request(name, { signal }, () => {
      // Granted while it was being given up.
      if (signal.aborted) return undefined;
      this.#listen();
      return new Promise((done) => signal.addEventListener('abort', done));
    }).catch(() => {});
  }

  #listen() {
    const source = (this.#source = new EventSource(`${this.#address}/events`));
    source.addEventListener('presence', (event) => this.#hear(JSON.parse(event.data)));
    source.addEventListener('error', () => {
      if (this.#source === source && !this.#timer) this.#pollIn(1000);
    });
  }

  // Polls while the stream is silent or broken; its first event ends that.
  #pollIn(delay) {
    const timer = (this.#timer = setTimeout(async () => {
      const presence = await fetch(this.#address, { cache: 'no-cache' }).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
      if (this.#timer !== timer) return;
      this.#tell(presence);
      if (this.#source?.readyState === EventSource.CLOSED) this.#listen();
      this.#pollIn(Math.min(delay * 2, 15000) * (0.8 + Math.random() / 3));
    }, delay));
  }
}

/** By site: its feed, its bells, and the one bell that holds its conversation on this page. */
const feeds = new Map();
const bells = new Map();
const holders = new Map();

class DeskbellHelp extends HTMLElement {
  static observedAttributes = ['skill', 'tier', 'lang'];

  #root = this.attachShadow({ mode: 'open' });
  #texts = english;
  #panelTexts;
  #language = 'en';
  #purpose = make('span', { class: 'quiet' });
  #text = make('span', { part: 'text' });
  #mark = icon('offline');
  #badge = make('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
  #range = make('span', { class: 'range', role: 'tooltip', id: 'range', part: 'range' });
  #status = make('p', { class: 'quiet', role: 'status' });
  #bell = make('button', { class: 'bell', part: 'bell', type: 'button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', 'aria-describedby': 'range' });
  #frame = make('div', { class: 'frame' });
  #feed;
  #presence;
  #announced;
  #conversation;

  constructor() {
    super();
    this.#bell.append(icon(BELL), this.#mark, this.#purpose, this.#text, this.#badge);
    this.#frame.append(this.#bell, this.#range);
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.append(this.#frame, this.#status);
    this.#speakAs('en');
    this.#bell.addEventListener('click', () => (holders.get(this.storageKey) ?? this).open());
    this.#bell.addEventListener('keydown', (event) => { this.#range.hidden = event.key === 'Escape'; });
    for (const type of ['pointerleave', 'focusout']) this.#frame.addEventListener(type, () => { this.#range.hidden = false; });
  }

  get skill() { return this.getAttribute('skill') ?? ''; }
  get topic() { return this.getAttribute('topic') ?? this.skill.replaceAll('-', ' '); }
  get locale() { return this.closest('[lang]')?.lang || 'en'; }
  /** The page's language as it is written where the shopper is: how dates and times are shown. */
  get region() { return navigator.languages.find((one) => one.startsWith(`${this.locale}-`)) ?? this.locale; }
  get texts() { return this.#texts; }
  get base() { return new URL(this.getAttribute('src-base') || import.meta.url, location.href).origin; }
  get address() { return `${this.base}/v1/sites/${encodeURIComponent(this.getAttribute('site'))}`; }
  get storageKey() { return `deskbell ${this.address}`; }

  /** The group this bell speaks for, with its words: what the conversation's form shows too. */
  get situation() { return situation(this.#presence, this); }

  connectedCallback() {
    const here = bells.get(this.storageKey) ?? new Set();
    bells.set(this.storageKey, here.add(this));
    if (!feeds.has(this.address)) feeds.set(this.address, new Feed(`${this.address}/presence`));
    this.#feed = feeds.get(this.address);
    this.#learn().then(() => this.#feed?.join(this));
    queueMicrotask(() => adopt(this.storageKey));
  }

  disconnectedCallback() {
    for (const here of bells.values()) here.delete(this);
    this.#feed?.leave(this);
    this.#feed = undefined;
    for (const [key, holder] of holders) if (holder === this) holders.delete(key);
    this.#conversation?.leave();
    this.#conversation = undefined;
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#learn().then(() => this.#refresh());
  }

  /** Takes a site's presence; null: the gateway cannot be reached. */
  show(presence) {
    this.#presence = presence;
    this.#refresh();
  }

  /** Lets the conversation speak through the bell; without words the bell speaks for its group again. */
  speak(words) {
    this.words = words;
    this.#refresh();
  }

  /** Told by the conversation when it begins and ends: a site has one at a time on a page. */
  set busy(begun) {
    if (begun) holders.set(this.storageKey, this);
    else holders.delete(this.storageKey);
  }

  /** Told by the conversation when its panel opens and closes. */
  set talking(shown) {
    this.toggleAttribute('talking', shown);
    this.#bell.ariaExpanded = shown;
  }

  /** Announces something to assistive technology, politely. */
  announce(text) {
    this.#status.textContent = text;
  }

  /** Takes a conversation up again that began on an earlier page. */
  async resume(session) {
    (await this.#talk())?.resume(session);
  }

  /** Asks the gateway for something of this site; the shopper's cookie goes along, wherever the page is from. */
  ask(what, options) {
    return fetch(`${this.address}/${what}`, { credentials: 'include', ...options });
  }

  /** Opens the panel, as a click on the bell does. */
  async open() {
    (await this.#talk())?.open();
  }

  focus(options) {
    this.#bell.focus(options);
  }

  /** Fetches the texts of the page's language; where there are none, the bell speaks English. */
  async #learn() {
    const language = this.locale.split('-')[0].toLowerCase();
    if (language === this.#language) return;
    this.#language = language;
    const learnt = LANGUAGES.includes(language) ? await import(new URL(`./texts/${language}.js`, import.meta.url).href).catch(() => {}) : undefined;
    if (language === this.#language) this.#speakAs(learnt ? language : 'en', learnt);
  }

  #speakAs(lang, { bell = english, panel, direction: dir = 'ltr' } = {}) {
    this.#texts = bell;
    this.#panelTexts = panel;
    this.#announced = undefined;
    for (const part of [this.#frame, this.#status]) Object.assign(part, { lang, dir });
    this.#purpose.textContent = bell.purpose;
    this.#refresh();
  }

  async #talk() {
    try {
      const { Conversation } = await import(new URL('./conversation.js', import.meta.url).href);
      if (!this.isConnected) return undefined;
      this.#conversation ??= new Conversation(this, this.#root, {
        make, icon, bell: BELL, texts: this.#panelTexts, lang: this.#frame.lang, dir: this.#frame.dir,
        spokenWait: (wait) => spokenWait(this.#texts, wait), spokenTime: (seconds) => this.#texts.time(nearest(seconds, 1)),
      });
      return this.#conversation;
    } catch {
      const text = this.#texts.cannotOpen;
      this.#say({ text, mark: 'offline' });
      this.announce(text);
      return undefined;
    }
  }

  #refresh() {
    const { text, key } = this.situation;
    this.#say(this.words ?? this.situation);
    this.#conversation?.situationChanged();
    // WCAG 4.1.3: only a change of the situation is news, not each new count, nor the first state.
    if (this.#announced !== undefined && this.#announced !== key && !this.words) this.announce(text);
    if (this.#presence !== undefined) this.#announced = key;
  }

  #say({ text, mark, range = '', unread = '' }) {
    if (this.#text.textContent !== text) {
      this.#text.textContent = text;
      if (!matchMedia('(prefers-reduced-motion: reduce)').matches) this.#text.animate?.([{ opacity: 0 }, { opacity: 1 }], 150);
    }
    if (!this.#mark.classList.contains(mark)) {
      const next = icon(mark);
      this.#mark.replaceWith(next);
      this.#mark = next;
    }
    this.#range.textContent = range;
    this.#badge.hidden = !unread;
    this.#badge.textContent = unread;
    this.#bell.classList.toggle('muted', text === this.#texts.lost);
  }
}

function situation(presence, bell) {
  const { texts } = bell;
  const unknown = { text: texts.unknown, mark: 'offline', key: 'unknown' };
  if (presence === undefined) return unknown;
  if (presence === null) return { text: texts.lost, mark: 'offline', key: 'lost' };
  const skilled = presence.groups.filter((group) => !bell.skill || group.skill === bell.skill);
  const group = skilled.find((one) => one.tier === (bell.getAttribute('tier') || 'standard')) ?? skilled[0];
  if (!group) return unknown;
  const { state, wait, opens } = group;
  if (state === 'available') {
    const named = group.next_rep && group.available === 1 ? texts.named(group.next_rep, bell.topic) : '';
    return { state, text: named && named.length <= 40 ? named : group.available ? texts.people(group.available) : texts.someone, mark: 'available', key: state };
  }
  if (state === 'wait') {
    const { about: text, range } = wait ? spokenWait(texts, wait) : { about: texts.noEstimate, range: '' };
    const mark = group.busy || !group.away ? 'busy' : 'away';
    return { state, text, mark, range, key: text };
  }
  const back = opens ? spokenReturn(texts, opens, bell.region) : '';
  return { state: 'closed', text: back || texts.closed, back, mark: 'offline', key: 'closed' };
}

// The tab remembers a conversation only after a click; unreadable storage means there is none.
function adopt(key) {
  const here = [...(bells.get(key) ?? [])];
  let session;
  try {
    session = JSON.parse(sessionStorage.getItem(key));
  } catch {
    return;
  }
  if (!session || !here.length || holders.has(key)) return;
  const bell = here.find((one) => one.skill === session.skill) ?? here[0];
  bell.busy = true;
  bell.resume(session);
}

if (!customElements.get('deskbell-help')) customElements.define('deskbell-help', DeskbellHelp);
