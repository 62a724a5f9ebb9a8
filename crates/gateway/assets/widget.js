// The bell: a site's live status on one button, as the custom element <deskbell-help>.
// Must not know how a conversation is held: that is conversation.js, fetched at the first click.

/** Every text of the bell, in one place; those of the conversation are with it. */
const texts = {
  purpose: 'Ask for help.',
  unknown: 'Ask for help',
  lost: 'Not connected',
  someone: 'Somebody can help now',
  people: (n) => (n === 1 ? '1 person can help now' : `${n} people can help now`),
  noEstimate: "We can't tell how long yet",
  closed: 'Nobody is on duty right now',
  about: (time) => (time === 'under a minute' ? 'Under a minute' : `About ${time}`),
  range: (low, high, confidence) =>
    `${low ? `${low} to ` : 'Up to '}${high}${confidence ? `, ${Math.round(confidence * 10)} times out of 10` : ''}`,
  minutes: (n) => (n < 1 ? 'under a minute' : n === 1 ? 'a minute' : n === 30 ? 'half an hour' : `${n} minutes`),
  hours: (n) => (n === 1 ? 'an hour' : `${n} hours`),
  back: (day, time) => (day ? `Back ${day} at ${time}` : `Back at ${time}`),
  tomorrow: 'tomorrow',
  on: (day) => `on ${day}`,
  cannotOpen: 'Help could not be opened. Try again.',
};

const STEPS = [1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45];

/** A time as people say it; `round` decides between the steps: Math.floor, Math.round or Math.ceil. */
export function spokenTime(seconds, round = Math.round) {
  if (seconds < 60 && round !== Math.ceil) return texts.minutes(0);
  const minutes = seconds / 60;
  if (minutes > 50) return texts.hours(Math.max(1, round(minutes / 60)));
  const above = STEPS.findIndex((step) => step >= minutes);
  if (above < 0) return round === Math.floor ? texts.minutes(45) : texts.hours(1);
  const [low, high] = [STEPS[above - 1] ?? 1, STEPS[above]];
  const share = high === low ? 1 : (minutes - low) / (high - low);
  return texts.minutes(round(share) ? high : low);
}

/** The range of an estimate, rounded outwards so that it never promises more than was estimated. */
export function spokenRange({ low, high, confidence }) {
  const upper = spokenTime(high, Math.ceil);
  const lower = low < 60 ? '' : spokenTime(low, Math.floor);
  const unit = / (minutes|hours)$/;
  const short = unit.exec(lower)?.[1] === unit.exec(upper)?.[1] ? lower.replace(unit, '') : lower;
  return texts.range(lower === upper ? '' : short, upper, confidence);
}

function spokenReturn(opens, language) {
  const then = new Date(opens);
  if (Number.isNaN(then.getTime())) return texts.closed;
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  const days = Math.round((midnight(then) - midnight(new Date())) / 864e5);
  const format = (options) => new Intl.DateTimeFormat(language, options).format(then);
  const day = days <= 0 ? '' : days === 1 ? texts.tomorrow
    : texts.on(format(days < 7 ? { weekday: 'long' } : { day: 'numeric', month: 'short' }));
  return texts.back(day, format({ hour: 'numeric', minute: '2-digit' }));
}

/** Makes an element; `properties` are set as properties, `aria-…`, `data-…` and `role` as attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key === 'class' || key === 'role' || key === 'part' || key === 'for' || key.includes('-')) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

const shapes = {
  bell: ['M8.5 3.5h3', 'M10 3.5V6', 'M4 13.5a6 6 0 0 1 12 0z', 'M2.75 16.5h14.5'],
  available: [['circle', { cx: 6, cy: 6, r: 5 }]],
  busy: [['circle', { cx: 6, cy: 6, r: 5 }], ['path', { d: 'M3.5 6h5', class: 'bar' }]],
  away: [['path', { d: 'M7.6 1.2A5 5 0 1 0 10.9 7.2 4.2 4.2 0 0 1 7.6 1.2z' }]],
  offline: [['circle', { cx: 6, cy: 6, r: 4, class: 'ring' }]],
};

/** Draws an icon from path data (20 units, stroked) or one of the state marks (12 units, filled). */
export function icon(drawing) {
  const parts = shapes[drawing] ?? drawing;
  const stroked = typeof parts[0] === 'string';
  const size = stroked ? 20 : 12;
  const draw = (tag, attributes) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  const svg = draw('svg', {
    viewBox: `0 0 ${size} ${size}`, width: size, height: size,
    class: stroked ? 'icon' : `mark ${drawing}`, 'aria-hidden': 'true', focusable: 'false',
  });
  svg.append(...parts.map((part) => (stroked ? draw('path', { d: part }) : draw(...part))));
  return svg;
}

// Colours follow the page's own `color-scheme`; a page sets the public --deskbell-… properties.
const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --_accent: var(--deskbell-accent, light-dark(#2457d6, #8fb0ff));
  --_on-accent: var(--deskbell-on-accent, light-dark(#fff, #0d1526));
  --_surface: var(--deskbell-surface, light-dark(#fff, #171a21));
  --_surface-2: var(--deskbell-surface-2, light-dark(#f3f4f7, #232834));
  --_text: var(--deskbell-text, light-dark(#171a21, #eef0f5));
  --_muted: var(--deskbell-muted, light-dark(#5b6474, #a3acbb));
  --_line: var(--deskbell-line, light-dark(#dfe2e8, #333a48));
  --_available: var(--deskbell-available, light-dark(#1a7f4b, #46c487));
  --_busy: var(--deskbell-busy, light-dark(#b3261e, #ff8a80));
  --_away: var(--deskbell-away, light-dark(#9a6700, #e3b341));
  --_offline: var(--deskbell-offline, light-dark(#6b7382, #9aa3b2));
  --_shadow: 0 1px 2px rgb(0 0 0 / .06), 0 6px 20px rgb(0 0 0 / .12);
  font: 400 15px/1.45 var(--deskbell-font, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif);
  color: var(--_text);
  position: fixed; inset-block-end: 24px; inset-inline-end: 24px; z-index: 2147483000;
}
:host([inline]) { position: static; display: inline-block; }
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
.quiet { position: absolute; inline-size: 1px; block-size: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.icon { fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; flex: none; }
.mark { flex: none; fill: currentColor; }
.mark .bar { stroke: var(--_surface); stroke-width: 2; stroke-linecap: round; }
.mark .ring { fill: none; stroke: currentColor; stroke-width: 2; }
.mark.available { color: var(--_available); } .mark.busy { color: var(--_busy); }
.mark.away { color: var(--_away); } .mark.offline { color: var(--_offline); }
.frame { position: relative; display: inline-block; }
.bell {
  display: inline-flex; align-items: center; gap: 8px; min-block-size: 44px; max-inline-size: 100%;
  padding: 0 18px 0 14px; border: 1px solid var(--_line); border-radius: 999px;
  background: var(--_surface); color: var(--_text); box-shadow: var(--_shadow);
  font: inherit; font-weight: 500; text-align: start; cursor: pointer;
}
.bell:dir(rtl) { padding: 0 14px 0 18px; }
:host([inline]) .bell { box-shadow: none; }
.bell > .icon { color: var(--_accent); margin-inline-end: 2px; }
.bell:hover { border-color: color-mix(in srgb, var(--_accent) 55%, var(--_line)); }
.bell.muted { color: var(--_muted); } .bell.muted > .icon { color: var(--_muted); }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
.badge {
  min-inline-size: 20px; padding: 0 6px; border-radius: 999px; background: var(--_accent); color: var(--_on-accent);
  font-size: 13px; line-height: 20px; text-align: center; font-variant-numeric: tabular-nums;
}
.range {
  position: absolute; inset-block-end: calc(100% + 6px); inset-inline-end: 0; inline-size: max-content; max-inline-size: 280px;
  padding: 6px 12px; border-radius: 8px; background: var(--_text); color: var(--_surface); font-size: 13px;
  visibility: hidden; opacity: 0; transition: opacity .15s;
}
.range::after { content: ""; position: absolute; inset-block-start: 100%; inset-inline: 0; block-size: 8px; }
:host([inline]) .range { inset-inline: 0 auto; }
.frame:hover .range.some, .bell:focus-visible + .range.some { visibility: visible; opacity: 1; }
.frame.dismissed .range.some { visibility: hidden; }
:host([talking]:not([inline])) .frame { visibility: hidden; }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
@media (forced-colors: active) { .mark, .icon { color: CanvasText !important; } .mark .bar { stroke: Canvas; } .range { border: 1px solid; } }
`);

/** One stream of a site's presence, shared by every bell of that site on the page. */
class Feed {
  static #byAddress = new Map();

  static of(address) {
    let feed = Feed.#byAddress.get(address);
    if (!feed) Feed.#byAddress.set(address, (feed = new Feed(address)));
    return feed;
  }

  #address;
  #bells = new Set();
  #latest;
  #source;
  #timer;

  constructor(address) {
    this.#address = address;
    document.addEventListener('visibilitychange', () => this.#follow());
    addEventListener('pagehide', () => this.#stop());
    addEventListener('pageshow', () => this.#follow());
    addEventListener('online', () => this.#restart());
    addEventListener('offline', () => this.#restart());
  }

  join(bell) {
    this.#bells.add(bell);
    if (this.#latest !== undefined) bell.show(this.#latest);
    this.#follow();
  }

  leave(bell) {
    this.#bells.delete(bell);
    this.#follow();
  }

  #tell(presence) {
    this.#latest = presence;
    for (const bell of this.#bells) bell.show(presence);
  }

  #restart() {
    this.#stop();
    this.#follow();
  }

  #follow() {
    const wanted = this.#bells.size > 0 && !document.hidden;
    if (!wanted) return this.#stop();
    if (!navigator.onLine) return this.#tell(null);
    if (this.#source || this.#timer) return;
    this.#listen();
    this.#pollIn(4000);
  }

  #stop() {
    this.#source?.close();
    clearTimeout(this.#timer);
    this.#source = this.#timer = undefined;
  }

  #listen() {
    const source = (this.#source = new EventSource(`${this.#address}/events`));
    source.addEventListener('presence', (event) => {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#tell(JSON.parse(event.data));
    });
    source.addEventListener('error', () => {
      if (this.#source === source && !this.#timer) this.#pollIn(1000);
    });
  }

  // Polls only while the stream is silent or broken; the first event of the stream ends it.
  #pollIn(delay) {
    const timer = (this.#timer = setTimeout(async () => {
      let presence = null;
      try {
        const answer = await fetch(this.#address, { headers: { accept: 'application/json' } });
        if (answer.ok) presence = await answer.json();
      } catch {
        presence = null; // told below as "not connected"
      }
      if (this.#timer !== timer) return;
      this.#tell(presence);
      if (this.#source?.readyState === EventSource.CLOSED) this.#listen();
      this.#pollIn(12000 + Math.random() * 6000);
    }, delay));
  }
}

/** Bells by site address, and the one bell that holds the site's conversation on this page. */
const bells = new Map();
const holders = new Map();

class DeskbellHelp extends HTMLElement {
  static observedAttributes = ['skill', 'tier', 'src-base', 'site', 'rep', 'lang'];

  #root = this.attachShadow({ mode: 'open' });
  #text = make('span', { class: 'text', part: 'text' });
  #mark = icon('offline');
  #badge = make('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
  #range = make('span', { class: 'range', role: 'tooltip', id: 'range', part: 'range' });
  #status = make('p', { class: 'quiet', role: 'status' });
  #bell = make('button', { class: 'bell', part: 'bell', type: 'button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', 'aria-describedby': 'range' });
  #frame = make('div', { class: 'frame', lang: 'en' });
  #feed;
  #presence;
  #announced;
  #conversation;
  #loading;

  constructor() {
    super();
    this.#bell.append(icon('bell'), this.#mark, make('span', { class: 'quiet', textContent: texts.purpose }), this.#text, this.#badge);
    this.#frame.append(this.#bell, this.#range);
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.append(this.#frame, this.#status);
    this.#bell.addEventListener('click', () => this.#ring());
    this.#bell.addEventListener('keydown', (event) => event.key === 'Escape' && this.#frame.classList.add('dismissed'));
    for (const end of ['pointerleave', 'focusout']) this.#frame.addEventListener(end, () => this.#frame.classList.remove('dismissed'));
    this.#say(texts.unknown, 'offline');
  }

  get site() { return this.getAttribute('site') ?? ''; }
  get skill() { return this.getAttribute('skill') ?? ''; }
  get tier() { return this.getAttribute('tier') || 'standard'; }
  get base() { return new URL(this.getAttribute('src-base') || import.meta.url, location.href).origin; }
  get address() { return `${this.base}/v1/sites/${encodeURIComponent(this.site)}`; }
  get storageKey() { return `deskbell ${this.address}`; }

  /** The group this bell speaks for, with its words: what the conversation's form shows too. */
  get situation() { return situation(this.#presence, this); }

  connectedCallback() {
    const here = bells.get(this.storageKey) ?? new Set();
    bells.set(this.storageKey, here.add(this));
    this.#feed = Feed.of(`${this.address}/presence`);
    this.#feed.join(this);
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

  attributeChangedCallback(name, before, after) {
    if (!this.isConnected || before === after) return;
    if (name === 'site' || name === 'src-base') {
      this.disconnectedCallback();
      this.#presence = undefined;
      this.connectedCallback();
    }
    this.#refresh();
  }

  /** Takes a site's presence; `null` when the gateway cannot be reached. */
  show(presence) {
    this.#presence = presence;
    this.#refresh();
  }

  /** Lets the conversation speak through the bell; without words the bell speaks for its group again. */
  speak(words) {
    this.words = words;
    this.#refresh();
  }

  /** Announces something to assistive technology, politely. */
  announce(text) {
    this.#status.textContent = text;
  }

  /** Takes a conversation up again that began on an earlier page. */
  async resume() {
    (await this.#talk())?.resume();
  }

  /** Opens the panel, as a click on the bell does. */
  async open() {
    (await this.#talk())?.open();
  }

  focus(options) {
    this.#bell.focus(options);
  }

  #ring() {
    const holder = holders.get(this.storageKey) ?? this;
    holder.open();
  }

  async #talk() {
    holders.set(this.storageKey, this);
    this.#loading ??= import(new URL('./conversation.js', import.meta.url).href);
    try {
      const { Conversation } = await this.#loading;
      if (!this.isConnected) return undefined;
      this.#conversation ??= new Conversation(this, this.#root, { make, icon, spokenTime, spokenRange, onShown: (shown) => this.#shown(shown) });
      return this.#conversation;
    } catch {
      this.#loading = undefined;
      this.#say(texts.cannotOpen, 'offline');
      this.announce(texts.cannotOpen);
      return undefined;
    }
  }

  #shown(shown) {
    this.toggleAttribute('talking', shown);
    this.#bell.setAttribute('aria-expanded', String(shown));
  }

  #refresh() {
    const { text, mark, range, key } = this.situation;
    if (this.words) this.#say(this.words.text, this.words.mark, '', this.words.unread);
    else this.#say(text, mark, range);
    this.#conversation?.situationChanged();
    // WCAG 4.1.3: only a change of the situation is news, not each new count, nor the first state.
    if (this.#announced !== undefined && this.#announced !== key && !this.words) this.announce(text);
    if (this.#presence !== undefined) this.#announced = key;
  }

  #say(text, mark, range = '', unread = 0) {
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
    this.#range.classList.toggle('some', range !== '');
    this.#badge.hidden = !unread;
    this.#badge.textContent = unread || '';
    this.#bell.classList.toggle('muted', text === texts.lost);
  }
}

function situation(presence, bell) {
  if (presence === undefined) return { text: texts.unknown, mark: 'offline', key: 'unknown' };
  if (presence === null) return { text: texts.lost, mark: 'offline', key: 'lost' };
  const skilled = presence.groups.filter((group) => !bell.skill || group.skill === bell.skill);
  const group = skilled.find((one) => one.tier === bell.tier) ?? skilled[0];
  if (!group) return { text: texts.unknown, mark: 'offline', key: 'unknown' };
  const { state, wait, opens } = group;
  if (state === 'available') {
    return { state, text: group.available ? texts.people(group.available) : texts.someone, mark: 'available', key: state };
  }
  if (state === 'wait') {
    const text = wait ? texts.about(spokenTime(wait.seconds)) : texts.noEstimate;
    const mark = group.busy || !group.away ? 'busy' : 'away';
    return { state, text, mark, range: wait ? spokenRange(wait) : '', key: text };
  }
  const back = opens ? spokenReturn(opens, bell.getAttribute('lang') || undefined) : '';
  return { state: 'closed', text: back || texts.closed, back, mark: 'offline', key: 'closed' };
}

/** What this tab remembers of a conversation. Written only after the click; unreadable storage means none. */
export function remembered(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
}

function adopt(key) {
  const session = remembered(key);
  const here = [...(bells.get(key) ?? [])];
  if (!session || !here.length || holders.has(key)) return;
  (here.find((bell) => bell.skill === session.skill) ?? here[0]).resume();
}

if (!customElements.get('deskbell-help')) customElements.define('deskbell-help', DeskbellHelp);
