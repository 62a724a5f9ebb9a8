// The supervisor's wall: signs in, follows one stream, draws what it tells, and asks why.
// Must not decide anything.

import { Refused, call, clock, icon, keyed, make, mark, short, tell } from '/staff.js';
import { load, steps, waits } from './chart.js';
import { Room } from './room.js';
import { words } from './wallwords.js';

/** The charts show this many steps of this many minutes at most. */
const STEP = 5;
const STEPS = 36;
/** How often programs that could not be told are asked for. */
const LOOK = 10_000;
const THEME = 'deskbell-wall-theme';
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** The page on which a supervisor signs in. */
function door(message = '') {
  document.documentElement.classList.remove('wall-page');
  const wrong = make('p', { className: 'wrong', role: 'alert', hidden: !message }, message);
  const input = (id, type, autocomplete) => make('input', { id, className: 'input', type, autocomplete, autocapitalize: 'none', spellcheck: false });
  const [key, user, password] = [input('key', 'password', 'off'), input('user', 'text', 'username'), input('password', 'password', 'current-password')];
  const field = (label, control) => make('div', { className: 'field' }, make('label', { htmlFor: control.id }, label), control);
  const ways = [['key', words.byKey, [field(words.key, key)]], ['user', words.byUser, [field(words.user, user), field(words.password, password)]]];
  const choose = (chosen) => ways.forEach(([way, , fields]) => fields.forEach((one) => { one.hidden = way !== chosen; one.lastChild.required = way === chosen; }));
  const button = make('button', { type: 'submit', className: 'button primary' }, words.enter);
  const form = make('form', {},
    make('header', {}, make('p', { className: 'brand' }, icon('wall'), 'Deskbell'), make('h1', {}, words.signIn), make('p', { className: 'muted' }, words.how)),
    make('fieldset', {}, make('legend', { className: 'quiet' }, words.signIn), ...ways.map(([way, label], place) => make('label', {}, make('input', { type: 'radio', name: 'way', value: way, checked: !place, onchange: () => choose(way) }), label))),
    wrong, ...ways.flatMap(([, , fields]) => fields), button);
  choose('key');
  form.onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    tell(button, words.entering);
    try {
      const by = form.elements.way.value;
      await call('POST', '/wall/session', by === 'key' ? { key: key.value.trim() } : { user: user.value, password: password.value });
      await show();
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      button.disabled = false;
      tell(button, words.enter);
      tell(wrong, refused.status ? refused.message : words.unreachable);
      wrong.hidden = false;
    }
  };
  document.body.className = '';
  document.body.replaceChildren(make('main', { className: 'door' }, form));
  key.focus();
}

async function show() {
  const { minutes } = await call('GET', '/wall/history');
  new Wall(minutes).start();
}

class Wall {
  constructor(minutes) {
    this.minutes = minutes;
    this.number = make('strong', { className: 'big number' });
    this.numberText = make('p', { className: 'muted' });
    this.figures = make('dl', { className: 'figures' });
    this.live = make('p', { className: 'live', role: 'status' });
    this.clock = make('p', { className: 'clock number' });
    this.groups = make('div', { className: 'sites' });
    this.reps = make('ul', { className: 'reps' });
    this.absent = make('p', { className: 'muted absent' });
    this.queue = make('ul', { className: 'queue' });
    this.queueRoom = new Room(this.queue);
    this.nobody = make('p', { className: 'muted none' }, words.nobodyWaits);
    this.broken = make('ul', { className: 'broken' });
    this.brokenRoom = new Room(this.broken);
    this.noneBroken = make('p', { className: 'muted none' }, words.noneBroken);
    this.charts = [waits(), load()];
    this.programs = make('ul', { className: 'programs' });
    this.programsTold = make('p', { className: 'quiet', role: 'status' });
    this.why = make('dialog', { className: 'why' });
    this.heading = make('h2', { id: 'why-title' });
    this.whyBody = make('div', { className: 'why-body', tabIndex: 0, role: 'region' });
    this.whyBody.setAttribute('aria-labelledby', 'why-title');
    this.why.setAttribute('aria-labelledby', 'why-title');
    this.why.append(make('header', {}, this.heading), this.whyBody, make('footer', {}, make('button', { type: 'button', className: 'button', onclick: () => this.why.close() }, words.close)));
  }

  start() {
    document.documentElement.classList.add('wall-page');
    document.documentElement.dataset.theme = localStorage.getItem(THEME) ?? '';
    document.body.className = 'wall';
    const panel = (title, name, ...inside) => make('section', { className: `panel ${name}`, ariaLabel: title }, make('h2', {}, title), ...inside);
    this.programsPanel = Object.assign(panel(words.programs, 'programs-panel', this.programs), { hidden: true });
    document.body.replaceChildren(
      make('header', { className: 'head' },
        make('h1', { className: 'quiet' }, words.title),
        make('div', { className: 'kept' }, this.number, make('div', {}, make('p', { className: 'what' }, words.kept), this.numberText)),
        this.figures,
        make('div', { className: 'right' }, this.clock, this.live,
          make('div', { className: 'buttons' },
            make('button', { type: 'button', className: 'button tiny', onclick: () => this.#theme() }, words.theme),
            make('button', { type: 'button', className: 'button tiny', onclick: () => this.#leave() }, words.signOut)))),
      make('main', {},
        this.programsPanel,
        panel(words.groups, 'groups-panel', this.groups),
        panel(words.queue, 'queue-panel', this.nobody, this.queueRoom.element),
        panel(words.reps, 'reps-panel', this.reps, this.absent),
        ...this.charts.map(({ element }) => element),
        panel(words.broken, 'broken-panel', this.noneBroken, this.brokenRoom.element)),
      this.why, this.programsTold);
    this.#connect();
    this.#lookAtPrograms();
    this.looking = setInterval(() => this.#lookAtPrograms(), LOOK);
    this.ticking = setInterval(() => this.#tick(), 250);
  }

  #connect() {
    this.source = new EventSource('/wall/events');
    this.source.addEventListener('wall', ({ data }) => this.#take(JSON.parse(data)));
    this.source.onerror = () => { if (this.source.readyState === EventSource.CLOSED) this.#again(); };
  }

  /** The browser gives up where the answer is no stream: the session may be over. */
  async #again() {
    this.source.close();
    try {
      if (await call('GET', '/wall/session')) setTimeout(() => this.#connect(), 1000);
      else this.#stop(door);
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      setTimeout(() => this.#again(), 2000);
    }
  }

  #take(wall) {
    this.wall = wall;
    this.heard = Date.now();
    this.ahead = wall.at - Date.now();
    if (wall.minute) {
      if (this.minutes.at(-1)?.at === wall.minute.at) this.minutes.pop();
      this.minutes.push(wall.minute);
    }
    document.body.dataset.at = wall.at;
    this.#showHead();
    this.#showGroups();
    this.#showReps();
    this.#showQueue();
    this.#showBroken();
    this.#showCharts();
  }

  now() {
    return Date.now() + (this.ahead ?? 0);
  }

  #showHead() {
    const { today, queue, reps } = this.wall;
    const { kept, promised } = today;
    const share = promised ? Math.floor((kept / promised) * 100) : undefined;
    tell(this.number, share === undefined ? '–' : `${share} %`);
    this.number.classList.toggle('good', share >= 90);
    this.number.classList.toggle('bad', share < 75);
    tell(this.numberText, promised ? words.keptOf(kept, promised) : words.noPromises);
    const waiting = queue.filter(({ state }) => state === 'queued' || state === 'offered');
    const numbers = [
      ['wait', waiting.length, words.waiting], ['longest', '', words.longest],
      ['talking', queue.filter(({ state }) => state === 'open').length, words.talking],
      ['free', reps.filter(({ free }) => free).length, words.free], ['duty', reps.filter(({ state }) => state !== 'offline').length, words.onDuty],
    ];
    keyed(this.figures, numbers, ([key]) => key, ([key, , label]) => make('div', { className: key }, make('dt', {}, label), make('dd', { className: 'number' })), (element, [key, value]) => {
      if (key !== 'longest') tell(element.lastChild, String(value));
    });
  }

  #showGroups() {
    const rows = this.wall.sites.reduce((sum, { groups }) => sum + (groups.every(({ state, queued }) => state === 'closed' && !queued) ? 0 : groups.length / new Set(groups.map(({ tier }) => tier)).size), 0);
    this.groups.classList.toggle('many', rows > 4);
    keyed(this.groups, this.wall.sites, ({ id }) => id, (site) => make('section', { className: 'site' }, make('h3', {}, site.name), make('div', { className: 'tiles' })), (element, site) => {
      const tiers = [...new Set(site.groups.map(({ tier }) => tier))];
      // A site where nobody is takes one line, so that the others fit the screen.
      const isAsleep = site.groups.every(({ state, queued }) => state === 'closed' && !queued);
      const opens = Math.min(...site.groups.map(({ opens: at }) => at ?? Infinity));
      element.classList.toggle('asleep', isAsleep);
      tell(element.firstChild, [site.name, isAsleep && words.group.closed, isAsleep && Number.isFinite(opens) && words.opens(time.format(new Date(opens)))].filter(Boolean).join(' · '));
      element.lastChild.style.setProperty('--tiers', String(tiers.length));
      keyed(element.lastChild, site.groups, ({ skill, tier }) => `${skill} ${tier}`, () => make('article', { className: 'tile' }, make('p', { className: 'name' }), make('p', { className: 'main' }), make('p', { className: 'more' })), (tile, group) => this.#showTile(tile, group, tiers.length > 1));
    });
  }

  #showTile(tile, group, hasTiers) {
    tile.className = `tile ${group.state}`;
    const [name, main, more] = tile.children;
    if (!name.firstChild) name.append(make('strong', {}, group.name), hasTiers ? make('span', { className: 'tier' }, group.tier) : '');
    const state = group.state === 'available' ? 'available' : group.state === 'wait' ? 'busy' : 'offline';
    if (main.state !== state) {
      main.state = state;
      main.replaceChildren(mark(state), make('span', {}));
    }
    tell(main.lastChild, group.state === 'available' ? words.group.available(group.available) : group.state === 'wait' ? (group.wait ? words.about(short(group.wait.seconds)) : words.unknownWait) : words.group.closed);
    const opens = group.opens && words.opens(time.format(new Date(group.opens)));
    tell(more, [group.queued && words.queued(group.queued), group.state === 'available' && group.who.join(', '), group.state === 'closed' && opens].filter(Boolean).join(' · '));
  }

  #showReps() {
    const order = { available: 0, busy: 1, away: 2, offline: 3 };
    const there = this.wall.reps.filter(({ state }) => state !== 'offline').sort((one, other) => order[one.state] - order[other.state] || one.name.localeCompare(other.name));
    const gone = this.wall.reps.filter(({ state }) => state === 'offline');
    keyed(this.reps, there, ({ rep }) => rep, (rep) => {
      const button = make('button', { type: 'button', className: 'rep', onclick: () => this.#whyRep(rep.rep, rep.name) }, make('span', { className: 'sign' }), make('strong', {}, rep.name), make('span', { className: 'room', ariaHidden: 'true' }), make('span', { className: 'reason' }), make('span', { className: 'quiet held' }));
      return make('li', {}, button);
    }, (item, rep) => {
      item.rep = rep;
      const button = item.firstChild;
      button.className = `rep ${rep.state}`;
      button.dataset.rep = rep.rep;
      button.dataset.state = rep.state;
      if (item.state !== rep.state) {
        item.state = rep.state;
        button.querySelector('.sign').replaceChildren(mark(rep.state));
      }
      const held = rep.offers + rep.conversations;
      tell(button.querySelector('.held'), words.handed(held, rep.capacity));
      const room = button.querySelector('.room');
      const shown = `${rep.offers} ${rep.conversations} ${rep.capacity}`;
      if (room.shown !== shown) {
        room.shown = shown;
        room.replaceChildren(...Array.from({ length: Math.min(rep.capacity, 8) }, (_, place) => make('i', { className: place < rep.conversations ? 'taken' : place < held ? 'rings' : '' })));
      }
    });
    this.absent.hidden = !gone.length && there.length > 0;
    tell(this.absent, there.length ? words.offDuty(gone.length) : words.nobodyOnDuty);
  }

  #reason(rep) {
    const age = rep.since ? short((this.now() - rep.since) / 1000) : '';
    const rule = words.rules[rep.rule] ?? '';
    const about = rule && rule !== words.states[rep.state].toLowerCase() ? rule : words.states[rep.state].toLowerCase();
    return [`${about} ${words.sources[rep.decided_by] ?? ''}`.trim(), age, rep.wrap_up_for_s && words.wrapUp(short(rep.wrap_up_for_s)), rep.doubted_for_s && words.doubted(short(rep.doubted_for_s)), rep.paused && words.paused].filter(Boolean).join(' · ');
  }

  #showQueue() {
    // Whose promise is over first stands first.
    const due = ({ asked_at: at, promised }) => at + (promised?.high ?? 86_400) * 1000;
    const waiting = this.wall.queue.filter(({ state }) => state === 'queued' || state === 'offered').sort((one, other) => due(one) - due(other));
    this.nobody.hidden = waiting.length > 0;
    keyed(this.queue, waiting, ({ ticket }) => ticket, (ticket) => {
      const bar = make('span', { className: 'bar', ariaHidden: 'true' }, make('i', { className: 'promise' }), make('i', { className: 'waited' }));
      const button = make('button', { type: 'button', className: 'waiting', onclick: () => this.#whyTicket(ticket.ticket) }, make('span', { className: 'what' }, make('strong', {}), make('span', { className: 'tier' })), make('span', { className: 'time number' }), bar, make('span', { className: 'fate' }));
      return make('li', {}, button);
    }, (item, ticket) => {
      item.ticket = ticket;
      const button = item.firstChild;
      button.dataset.ticket = ticket.ticket;
      tell(button.querySelector('strong'), ticket.skills.join(' and '));
      tell(button.querySelector('.tier'), ticket.tier);
    });
    this.queueRoom.element.hidden = !waiting.length;
    this.#tick();
    this.queueRoom.fit();
  }

  #showBroken() {
    const { broken } = this.wall;
    this.noneBroken.hidden = broken.length > 0;
    keyed(this.broken, broken, ({ ticket, at }) => `${ticket} ${at}`, (one) => make('li', {}, make('button', { type: 'button', className: 'broken-one', onclick: () => this.#whyTicket(one.ticket) }, make('span', { className: 'number' }, time.format(new Date(one.at))), make('span', {}, words.brokenBy(short(one.waited_s), short(one.promised_s), one.left)), make('span', { className: 'muted' }, words.why))));
    this.brokenRoom.element.hidden = !broken.length;
    this.brokenRoom.fit();
  }

  /** Programs that could not be told of something; mostly there are none. */
  async #lookAtPrograms() {
    let told;
    try {
      told = await call('GET', '/wall/webhooks');
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      return;
    }
    const dead = told.items.filter((program) => program.dead);
    this.programsPanel.hidden = !dead.length;
    keyed(this.programs, dead, ({ id }) => id, ({ id }) => make('li', {}, make('span', {}), make('button', { type: 'button', className: 'button tiny', hidden: !told.may_replay, onclick: ({ target }) => this.#replay(id, target) }, words.replay)), (item, { id, dead: count }) => tell(item.firstChild, words.dead(id, count)));
  }

  async #replay(id, button) {
    button.disabled = true;
    tell(button, words.replaying);
    try {
      const { replayed } = await call('POST', `/wall/webhooks/${encodeURIComponent(id)}/replay`, {});
      tell(this.programsTold, words.replayed(replayed));
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      tell(this.programsTold, refused.message || words.unreachable);
    }
    button.disabled = false;
    tell(button, words.replay);
    await this.#lookAtPrograms();
  }

  #showCharts() {
    const all = steps(this.minutes, STEP, this.now(), STEPS);
    const fine = all.length < 4 ? steps(this.minutes, 1, this.now(), STEPS) : all;
    const key = JSON.stringify(fine);
    if (key === this.drawn) return;
    this.drawn = key;
    for (const chart of this.charts) chart.show(fine);
  }

  /** What time alone changes. */
  #tick() {
    const now = this.now();
    tell(this.clock, time.format(new Date(now)));
    const age = (Date.now() - (this.heard ?? Date.now())) / 1000;
    const isLive = this.heard && age < 4;
    this.live.classList.toggle('stale', !isLive && Boolean(this.heard));
    tell(this.live, isLive || !this.heard ? words.live : words.stale(short(age)));
    let longest = 0;
    const all = [...this.queue.children];
    const scale = Math.max(60, ...all.map(({ ticket }) => Math.max((now - ticket.asked_at) / 1000, ticket.promised?.high ?? 0)));
    for (const { ticket, firstChild: button } of all) {
      const waited = (now - ticket.asked_at) / 1000;
      longest = Math.max(longest, waited);
      const { promised } = ticket;
      const over = promised && waited - promised.high;
      button.classList.toggle('over', over > 0);
      button.classList.toggle('near', over <= 0 && waited > promised?.high * 0.8);
      tell(button.querySelector('.time'), clock(waited));
      const [promise, done] = button.querySelectorAll('.bar i');
      promise.style.setProperty('inline-size', `${((promised?.high ?? 0) / scale) * 100}%`);
      done.style.setProperty('inline-size', `${(waited / scale) * 100}%`);
      tell(button.querySelector('.fate'), [promised ? words.promised(short(promised.high)) : words.noPromise, over > 0 && words.over(short(over)), ticket.state === 'offered' && words.offeredTo(this.#nameOf(ticket.rep))].filter(Boolean).join(' · '));
    }
    for (const { rep, firstChild: button } of this.reps.children) tell(button.querySelector('.reason'), this.#reason(rep));
    const shown = this.figures.querySelector('.longest dd');
    if (shown) tell(shown, all.length ? clock(longest) : '–');
  }

  #nameOf(rep) {
    return this.wall.reps.find((one) => one.rep === rep)?.name ?? rep;
  }

  async #ask(title, path, tellIt) {
    tell(this.heading, title);
    this.whyBody.replaceChildren(make('p', { className: 'muted' }, words.loading));
    this.why.showModal();
    try {
      this.whyBody.replaceChildren(...tellIt(await call('GET', path)));
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      this.whyBody.replaceChildren(make('p', {}, refused.message || words.unreachable));
    }
  }

  #whyTicket(ticket) {
    return this.#ask(words.whyTicket(ticket.slice(0, 6)), `/wall/decisions/${encodeURIComponent(ticket)}`, ({ decisions }) => decisions.toReversed().map((decision) => make('section', {}, make('h3', {}, make('time', {}, new Date(decision.at).toLocaleTimeString('en-GB')), ` ${decision.outcome}${decision.rep ? ` ${this.#nameOf(decision.rep)}` : ''}`), make('ul', { className: 'reasons' }, ...decision.reasons.map((reason) => make('li', {}, reason))))));
  }

  #whyRep(rep, name) {
    return this.#ask(words.whyRep(name), `/wall/presentities/${encodeURIComponent(rep)}`, (told) => [
      make('p', {}, told.reason),
      make('h3', {}, words.sourcesTitle),
      make('ul', { className: 'reasons' }, ...told.sources.map((source) => make('li', { className: source.decides ? 'decides' : '' }, make('strong', {}, words.sources[source.kind] ?? source.kind), ` ${source.rule ?? words.saidNothing}, ${words.forTime(short(source.for_s))}${source.good_for_s === null ? '' : `, ${words.goodFor(short(source.good_for_s))}`}`, source.decides ? make('span', { className: 'pill kept' }, words.decides) : ''))),
    ]);
  }

  #theme() {
    const isDark = getComputedStyle(document.documentElement).colorScheme.startsWith('dark');
    const theme = isDark ? 'light' : 'dark';
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(THEME, theme);
  }

  #stop(then) {
    this.source.close();
    clearInterval(this.ticking);
    clearInterval(this.looking);
    then();
  }

  async #leave() {
    await call('DELETE', '/wall/session');
    this.#stop(door);
  }
}

try {
  if (await call('GET', '/wall/session')) await show();
  else door();
} catch (refused) {
  if (!(refused instanceof Refused)) throw refused;
  door(refused.status ? refused.message : words.unreachable);
}
