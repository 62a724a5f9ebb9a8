// The console's middle and right: one conversation with its composer, and the shopper's card.
// Must not know where offers come from.

import { clock, disc, icon, keyed, make, mark, short, tell } from '/staff.js';
import { shopperName, skillNames, tierPill } from './lists.js';
import { words } from './words.js';

/** What the server takes. */
const NOTE_CHARS = 1000;
/** Milliseconds that a shopper's page may be away without a word. */
const PAGE_GRACE = 3000;

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** Lines of one speaker within a minute stand together. */
function groups(talk, waiting, rep) {
  const entries = [
    ...talk.lines.map((line) => ({ ...line, who: line.from === 'rep' && line.name && line.name !== rep ? `rep ${line.name}` : line.from, key: `s${line.seq}`, place: line.seq })),
    ...talk.notes.filter(({ after }) => !(talk.over && after >= talk.last)).map((note) => ({ ...note, who: 'note', from: 'note', key: `n${note.delivery}`, place: note.after + 0.5 })),
  ].sort((one, other) => one.place - other.place);
  for (const { id, text } of waiting) entries.push({ text, who: 'rep', from: 'rep', key: `w${id}`, at: new Date().toISOString(), waits: true });
  const all = [];
  for (const entry of entries) {
    const last = all.at(-1);
    const minute = entry.at.slice(0, 16);
    if (last && last.who === entry.who && last.minute === minute && entry.from !== 'system' && entry.from !== 'note') last.lines.push(entry);
    else all.push({ who: entry.who, from: entry.from, name: entry.name, minute, at: entry.at, lines: [entry], key: entry.key });
  }
  return all;
}

export class Talk {
  #typedAt = 0;

  constructor(desk, line, act) {
    Object.assign(this, { desk, line, act });
    this.#makeHead();
    this.#makeComposer();
    this.log = make('div', { className: 'log', role: 'log', ariaLabel: words.conversations, tabIndex: 0 });
    this.isAtEnd = true;
    this.log.onscroll = () => { this.isAtEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60; };
    // A keyboard on the screen or the note of wrap-up takes room from the log, and not the newest lines out of sight.
    new ResizeObserver(() => { if (this.isAtEnd) this.#toEnd(); }).observe(this.log);
    this.typing = make('p', { className: 'typing small muted', ariaLive: 'off' });
    this.empty = make('div', { className: 'empty' });
    this.wrap = this.#makeWrapUp();
    this.body = make('div', { className: 'talking' }, this.head, this.confirm, this.log, this.typing, this.wrap, this.composer);
    this.element = make('main', { className: 'pane middle', id: 'conversation', tabIndex: -1 }, this.empty, this.body);
    this.card = make('aside', { className: 'pane card-pane', ariaLabel: words.cardTitle });
  }

  get talk() {
    return this.desk.talks.get(this.desk.current);
  }

  show() {
    const { talk } = this;
    this.body.hidden = !talk;
    this.empty.hidden = Boolean(talk);
    if (!talk) this.#showEmpty();
    else this.#showTalk(talk);
    this.#showCard(talk);
    this.tick();
  }

  tick() {
    const { talk } = this;
    if (!talk) return;
    const now = this.desk.now();
    const typing = !talk.over && talk.typingUntil > Date.now();
    const { gone } = talk.card;
    // A page that is loaded anew is back before that.
    const isGone = !talk.over && gone && now - gone > PAGE_GRACE;
    this.typing.classList.toggle('gone', Boolean(isGone));
    tell(this.typing, isGone ? words.gone(shopperName(talk.card), short((now - gone) / 1000)) : typing ? words.typing(shopperName(talk.card)) : '');
    // The rest is the rep's own, whichever of several conversations that have ended is being read.
    const left = (this.desk.wrapUpUntil - now) / 1000;
    const resting = left > 0;
    this.wrap.hidden = !talk.over;
    tell(this.wrap.heading, resting ? words.wrapUpTitle : words.over);
    tell(this.wrap.left, resting ? clock(left + 0.99) : '');
    this.wrap.ready.hidden = !resting;
    if (!talk.over && talk.card.since) tell(this.since, clock((now - talk.card.since) / 1000));
  }

  focus() {
    if (!this.composer.hidden) this.text.focus();
  }

  /** Puts a text that was not taken back where it was written, unless something else stands there. */
  giveBack(ticket, text) {
    const talk = this.desk.talks.get(ticket);
    if (!talk || talk.draft) return;
    talk.draft = text;
    if (this.talk !== talk) return;
    this.text.value = text;
    this.#grow();
  }

  openSentences() {
    if (this.composer.hidden) return;
    if (!this.text.value.startsWith('/')) this.text.value = `/${this.text.value}`;
    this.text.focus();
    this.#showSentences();
  }

  openHandOn() {
    this.#fillHandOn();
    this.dialog.showModal();
  }

  #makeHead() {
    this.who = make('div', { className: 'who' });
    this.since = make('span', { className: 'number' });
    const button = (name, label, onclick, extra = '') => make('button', { type: 'button', className: `button ${extra}`, onclick, title: label }, icon(name), make('span', { className: 'label' }, label));
    this.handOn = button('hand', words.handOn, () => this.openHandOn());
    this.phone = button('phone', words.callBack, () => this.act.callBack(this.desk.current));
    this.end = button('end', words.end, () => { this.confirm.hidden = false; this.confirm.querySelector('.yes').focus(); }, 'danger');
    this.buttons = make('div', { className: 'buttons' }, this.handOn, this.phone, this.end);
    this.head = make('header', { className: 'talk-head' },
      make('button', { type: 'button', className: 'button plain square narrow', ariaLabel: words.list, onclick: () => this.act.view('list') }, icon('back')),
      this.who, this.buttons,
      make('button', { type: 'button', className: 'button plain square narrow', ariaLabel: words.card, onclick: () => this.act.view('card') }, icon('person')));
    const question = make('p', {});
    this.confirm = make('div', { className: 'confirm', role: 'alertdialog', hidden: true }, question,
      make('button', { type: 'button', className: 'button danger yes', onclick: () => { this.confirm.hidden = true; this.act.end(this.desk.current); } }, words.endYes),
      make('button', { type: 'button', className: 'button', onclick: () => { this.confirm.hidden = true; this.end.focus(); } }, words.cancel));
    this.confirm.question = question;
    question.id = 'end-question';
    this.confirm.setAttribute('aria-labelledby', question.id);
    this.#makeHandOn();
  }

  #makeHandOn() {
    this.skillList = make('div', { className: 'choices' });
    this.repList = make('div', { className: 'choices' });
    const title = make('h2', { id: 'hand-on-title' }, words.handOnTo);
    this.dialog = make('dialog', { className: 'hand-on' },
      make('header', {}, title, make('p', { className: 'small muted' }, words.handOnHow)),
      make('h3', { className: 'small muted' }, words.toRep), this.repList,
      make('h3', { className: 'small muted' }, words.toSkill), this.skillList,
      make('footer', {}, make('button', { type: 'button', className: 'button', onclick: () => this.dialog.close() }, words.cancel)));
    this.dialog.setAttribute('aria-labelledby', title.id);
  }

  #fillHandOn() {
    const choose = (target) => () => { this.dialog.close(); this.act.handOn(this.desk.current, target); };
    const choice = (target, ...inside) => make('button', { type: 'button', className: 'choice', onclick: choose(target) }, ...inside);
    const there = this.desk.team.filter(({ state }) => state !== 'offline').sort((one, other) => other.free - one.free);
    this.repList.replaceChildren(...there.map((rep) => choice(rep.rep, disc(rep.name, 'small'), make('span', {}, rep.name), make('span', { className: 'small muted' }, rep.skills.map((id) => this.act.skillName(id)).join(', ')), make('span', { className: 'state small' }, mark(rep.state), rep.free ? words.free : words.states[rep.state]))));
    if (!there.length) this.repList.append(make('p', { className: 'muted' }, words.nobodyToHandTo));
    const known = new Set(there.flatMap(({ skills }) => skills));
    this.skillList.replaceChildren(...this.desk.skills.filter(({ id }) => known.has(id)).map(({ id, name }) => choice(id, icon('person'), make('span', {}, name))));
  }

  #makeComposer() {
    this.text = make('textarea', { id: 'text', rows: 1, className: 'text' });
    this.text.setAttribute('aria-describedby', 'text-hint');
    this.sentences = make('ul', { className: 'sentences', role: 'listbox', ariaLabel: words.sentences, hidden: true, id: 'sentences' });
    this.label = make('label', { htmlFor: 'text', className: 'quiet' });
    this.composer = make('form', { className: 'composer' }, this.sentences, this.label, this.text,
      make('div', { className: 'row' },
        make('button', { type: 'button', className: 'button plain square', ariaLabel: words.sentences, title: `${words.sentences} (/)`, onclick: () => this.openSentences() }, icon('slash')),
        make('p', { className: 'small muted hint', id: 'text-hint' }, words.writeHint),
        make('button', { type: 'submit', className: 'button primary' }, icon('send'), words.send)));
    this.composer.onsubmit = (event) => { event.preventDefault(); this.#send(); };
    this.text.oninput = () => this.#typed();
    this.text.onkeydown = (event) => this.#key(event);
    this.text.setAttribute('aria-controls', 'sentences');
  }

  #makeWrapUp() {
    const title = make('strong', {});
    const left = make('span', { className: 'number left' });
    const ready = make('button', { type: 'button', className: 'button primary', onclick: () => this.act.ready() }, icon('check'), words.ready);
    const close = make('button', { type: 'button', className: 'button', onclick: () => this.act.dismiss(this.desk.current) }, words.dismiss);
    return Object.assign(make('div', { className: 'wrap-up', hidden: true }, make('div', {}, title, left), make('div', { className: 'buttons' }, ready, close), this.#makeMemo()), { heading: title, left, ready });
  }

  /** What is worth knowing when this shopper comes back. */
  #makeMemo() {
    this.memo = make('textarea', { id: 'memo', rows: 2, className: 'input', maxLength: NOTE_CHARS });
    this.memo.setAttribute('aria-describedby', 'memo-how');
    this.memoState = make('span', { className: 'small muted', role: 'status' });
    const form = make('form', { className: 'memo' }, make('label', { htmlFor: 'memo' }, words.memo), this.memo,
      make('div', { className: 'row' }, make('p', { className: 'small muted', id: 'memo-how' }, words.memoHow), this.memoState, make('button', { type: 'submit', className: 'button' }, words.memoSave)));
    form.onsubmit = (event) => { event.preventDefault(); this.#saveMemo(); };
    this.memo.oninput = () => { this.talk.memo = this.memo.value; this.#showMemo(this.talk); };
    // Whoever goes on without a press of the button has written it all the same.
    this.memo.onchange = () => this.#saveMemo();
    this.memo.onkeydown = (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.#saveMemo();
    };
    return form;
  }

  #saveMemo() {
    const { talk } = this;
    const text = talk?.memo.trim();
    if (!talk || text === (talk.saving ?? talk.noted)) return;
    talk.saving = text;
    this.act.note(talk.ticket, text);
    this.#showMemo(talk);
  }

  #showMemo(talk) {
    if (talk.saving === talk.noted) talk.saving = undefined;
    const text = talk.memo.trim();
    let state = '';
    if (talk.saving !== undefined) state = words.memoSaving;
    else if (text && text === talk.noted) state = words.memoSaved;
    tell(this.memoState, state);
  }

  #showEmpty() {
    const { state } = this.desk.presence;
    const there = this.desk.team.filter(({ state: found }) => found !== 'offline');
    const key = `${state} ${there.length} ${there.filter(({ free }) => free).length}`;
    if (this.empty.shown === key) return;
    this.empty.shown = key;
    this.empty.replaceChildren(
      make('span', { className: `sign ${state}`, ariaHidden: 'true' }, icon(state === 'available' ? 'bell' : 'mute')),
      make('h2', {}, words.idleTitle[state] ?? ''), make('p', { className: 'muted' }, words.idleText[state] ?? ''),
      make('p', { className: 'small muted' }, words.colleagues(there.filter(({ free }) => free).length, there.length)));
  }

  #showTalk(talk) {
    const name = shopperName(talk.card);
    const isOther = this.shown !== talk.ticket;
    if (isOther) {
      this.shown = talk.ticket;
      this.text.value = talk.draft;
      this.memo.value = talk.memo;
      this.#grow();
      this.confirm.hidden = true;
      this.sentences.hidden = true;
      this.log.replaceChildren();
      this.who.replaceChildren(disc(name), make('div', {}, make('h2', {}, name), make('p', { className: 'small muted' }, skillNames(talk.card), ' · ', this.since)), tierPill(talk.card));
      tell(this.label, `${words.write} ${name}`);
      this.text.placeholder = `${words.write} ${name}`;
    }
    const offered = talk.card.stand !== 'open';
    this.composer.hidden = Boolean(talk.over) || offered;
    this.buttons.hidden = Boolean(talk.over) || offered;
    this.phone.hidden = !talk.card.phone;
    tell(this.confirm.question, words.endSure(name));
    this.#showMemo(talk);
    this.#showLines(talk, name, isOther);
  }

  #showLines(talk, name, isOther) {
    const atEnd = isOther || this.isAtEnd;
    const waiting = [...this.line.outbox.values()].filter(({ frame, isCommand }) => frame.type === 'say' && !isCommand && frame.ticket === talk.ticket).map(({ frame }) => frame);
    const all = groups(talk, waiting, this.desk.name);
    const lastOwn = talk.lines.findLast(({ from }) => from === 'rep')?.seq;
    keyed(this.log, all, ({ key }) => key, (group) => this.#makeGroup(group, name), (element, group) => {
      keyed(element.lines, group.lines, ({ key }) => key, (line) => make('p', { className: 'line' }, line.text), (shown, line) => {
        shown.classList.toggle('waits', Boolean(line.waits));
      });
      const last = group.lines.at(-1);
      let fate = '';
      if (group.from === 'rep' && last.waits) fate = words.sending;
      else if (group.from === 'rep' && last.seq === lastOwn && !talk.over) fate = talk.card.seen >= last.seq ? words.shown : words.sent;
      if (element.fate) tell(element.fate, fate);
    });
    if (atEnd) this.#toEnd();
  }

  #toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
    this.isAtEnd = true;
  }

  #makeGroup(group, name) {
    const lines = make('div', { className: 'lines' });
    if (group.from === 'system') return Object.assign(make('div', { className: 'group system' }, lines), { lines });
    if (group.from === 'note') return Object.assign(make('div', { className: 'group note' }, make('p', { className: 'small' }, words.note), lines), { lines });
    const isOwn = group.who === 'rep';
    const fate = make('span', { className: 'fate' });
    const speaker = isOwn ? words.you : group.from === 'rep' ? group.name : group.name ?? name;
    return Object.assign(make('div', { className: `group ${isOwn ? 'own' : group.from}` },
      make('p', { className: 'small muted by' }, make('span', { className: isOwn ? 'quiet' : '' }, speaker), make('time', { dateTime: group.at }, time.format(new Date(group.at))), fate), lines), { lines, fate });
  }

  #showCard(talk) {
    const card = talk?.card;
    if (card?.earlier && talk.past === undefined && this.line.connected) {
      talk.past = null;
      this.line.send({ type: 'past', ticket: talk.ticket });
    }
    const key = JSON.stringify([card, Boolean(talk?.over), talk?.past]);
    if (this.card.shown === key) return;
    this.card.shown = key;
    const back = make('button', { type: 'button', className: 'button plain square narrow', ariaLabel: words.list, onclick: () => this.act.view('talk') }, icon('back'));
    if (!card) {
      this.card.replaceChildren(make('p', { className: 'muted none' }, words.noCard));
      return;
    }
    const { facts } = words;
    const waited = ((card.since ?? this.desk.now()) - card.asked_at) / 1000;
    const isKept = card.promised && waited <= card.promised.high;
    const list = make('dl', { className: 'facts' });
    const fact = (label, ...value) => list.append(make('div', {}, make('dt', {}, label), make('dd', {}, ...value)));
    fact(facts.tier, tierPill(card));
    fact(facts.skills, skillNames(card));
    fact(facts.waited, short(waited), ' ', card.promised ? make('span', { className: `pill ${isKept ? 'kept' : 'broken'}` }, isKept ? words.kept : words.broken) : '');
    fact(facts.promised, card.promised ? words.promisedWait(short(card.promised.low), short(card.promised.high)) : words.noPromise);
    if (card.handed_on_by) fact(facts.handedOn, this.act.nameOf(card.handed_on_by));
    if (card.case) fact(facts.case, card.case);
    if (card.phone) fact(facts.phone, card.phone);
    if (card.page) fact(facts.page, this.#page(card.page));
    for (const [label, answer] of card.details) fact(label, answer);
    if (card.lang) fact(facts.language, card.lang);
    fact(facts.site, card.site);
    fact(facts.asked, time.format(new Date(card.asked_at)));
    this.card.replaceChildren(
      make('header', {}, back, disc(shopperName(card)), make('div', {}, make('h2', {}, shopperName(card)), make('p', { className: 'small muted' }, words.asksFor(skillNames(card))))),
      list, card.earlier ? this.#makePast(talk.past) : '');
  }

  #makePast(past) {
    const section = make('section', { className: 'past' }, make('h3', {}, words.past));
    if (!past?.length) section.append(make('p', { className: 'muted' }, past ? words.pastNone : words.pastAsked));
    for (const one of past ?? []) {
      const about = [one.skills.join(', '), [...new Set(one.reps)].join(', '), one.ended ? '' : words.pastOpen, one.rating && words.stars(one.rating)];
      const lines = make('div', { className: 'said' });
      if (one.left_out) lines.append(make('p', { className: 'small muted' }, words.leftOut(one.left_out)));
      for (const line of one.lines) lines.append(make('p', { className: line.from }, make('strong', {}, line.name ?? words.shopper), ' ', line.text));
      section.append(make('details', {},
        make('summary', {}, make('time', { dateTime: one.at }, day.format(new Date(one.at))), make('span', { className: 'small muted' }, about.filter(Boolean).join(' · ')),
          ...one.notes.map(({ rep, text }) => make('span', { className: 'memo-shown' }, make('span', { className: 'small muted' }, this.act.nameOf(rep)), make('span', {}, text)))),
        lines));
    }
    return section;
  }

  /** Only an address of the web becomes a link: a shopper's page could say anything. */
  #page(address) {
    let url;
    try {
      url = new URL(address);
    } catch {
      return address;
    }
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return address;
    return make('a', { href: url.href, target: '_blank', rel: 'noreferrer noopener' }, `${url.host}${url.pathname === '/' ? '' : url.pathname}`);
  }

  #typed() {
    const { talk } = this;
    if (!talk) return;
    talk.draft = this.text.value;
    this.#grow();
    this.#showSentences();
    if (!this.text.value || this.text.value.startsWith('/') || Date.now() - this.#typedAt < 2500) return;
    this.#typedAt = Date.now();
    this.line.send({ type: 'typing', ticket: talk.ticket });
  }

  #grow() {
    this.text.style.setProperty('height', 'auto');
    this.text.style.setProperty('height', `${Math.min(160, this.text.scrollHeight + 2)}px`);
  }

  #showSentences() {
    const typed = this.text.value;
    const isAsked = typed.startsWith('/') && !typed.includes(' ') && !typed.includes('\n');
    const sought = typed.slice(1).toLowerCase();
    const found = isAsked ? this.desk.canned.filter(({ name, text }) => name.toLowerCase().includes(sought) || text.toLowerCase().includes(sought)) : [];
    this.sentences.hidden = !isAsked || !found.length;
    this.chosen = 0;
    this.sentences.replaceChildren(...found.map((canned, place) => Object.assign(make('li', {
      role: 'option', id: `sentence-${place}`, ariaSelected: String(place === 0),
      onpointerdown: (event) => { event.preventDefault(); this.#use(canned); },
    }, make('strong', {}, canned.name), make('span', { className: 'small muted' }, canned.text)), { canned })));
    this.#mark();
  }

  #mark() {
    [...this.sentences.children].forEach((item, place) => { item.ariaSelected = String(place === this.chosen); });
    if (this.sentences.hidden) this.text.removeAttribute('aria-activedescendant');
    else this.text.setAttribute('aria-activedescendant', `sentence-${this.chosen}`);
  }

  #use(canned) {
    this.text.value = canned.text;
    this.#typed();
    this.text.focus();
  }

  #key(event) {
    const { key, shiftKey, ctrlKey, metaKey, isComposing } = event;
    if (isComposing) return;
    if (!this.sentences.hidden && ['ArrowDown', 'ArrowUp', 'Enter', 'Tab', 'Escape'].includes(key)) {
      event.preventDefault();
      const all = [...this.sentences.children];
      if (key === 'ArrowDown') this.chosen = (this.chosen + 1) % all.length;
      else if (key === 'ArrowUp') this.chosen = (this.chosen + all.length - 1) % all.length;
      else if (key === 'Escape') this.sentences.hidden = true;
      else return void this.#use(all[this.chosen].canned);
      this.#mark();
      return;
    }
    if (key === 'Enter' && (ctrlKey || metaKey || !shiftKey)) {
      event.preventDefault();
      this.#send();
    } else if (key === 'Escape') this.text.blur();
  }

  #send() {
    const { talk } = this;
    const text = this.text.value.trim();
    if (!talk || !text || talk.over) return;
    // What begins so is for the desk, and never a line.
    this.line.post({ type: 'say', ticket: talk.ticket, text }, { isCommand: text.startsWith('/') });
    talk.draft = '';
    this.text.value = '';
    this.#grow();
    this.sentences.hidden = true;
    this.show();
    this.#toEnd();
    this.text.focus();
  }
}
