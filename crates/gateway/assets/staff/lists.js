// The console's left side: offers with their ring of remaining seconds, conversations, and what has just ended.
// Must not know how a conversation is held.

import { disc, draw, icon, keyed, make, short, clock, tell } from '/staff.js';
import { words } from './words.js';

const ROUND = 2 * Math.PI * 15;

export function skillNames(card) {
  return card.skills.map(({ name }) => name).join(' and ');
}

export function shopperName(card) {
  return card?.name || words.shopper;
}

/** The pill of a tier; the first tier needs none. */
export function tierPill(card) {
  return make('span', { className: `pill ${card.tier}` }, card.tier);
}

export class Lists {
  #offerSeconds = 20;

  constructor(desk, act) {
    this.desk = desk;
    this.act = act;
    this.offers = make('ul', { className: 'offers' });
    this.conversations = make('ul', { className: 'conversations' });
    this.ended = make('ul', { className: 'conversations' });
    this.none = make('p', { className: 'muted none' }, words.noConversations);
    this.offersPart = make('section', { ariaLabel: words.offers }, make('h2', {}, words.offers), this.offers);
    this.endedPart = make('section', { ariaLabel: words.ended }, make('h2', {}, words.ended), this.ended);
    this.count = make('span', { className: 'muted number' });
    this.element = make('nav', { className: 'pane lists', ariaLabel: `${words.offers}, ${words.conversations}` },
      this.offersPart,
      make('section', { ariaLabel: words.conversations }, make('h2', {}, words.conversations, this.count), this.none, this.conversations),
      this.endedPart);
  }

  show() {
    const { desk } = this;
    const offers = [...desk.offers, ...desk.lapsed];
    this.offersPart.hidden = !offers.length;
    keyed(this.offers, offers, ({ ticket }) => ticket, (offer) => this.#makeOffer(offer), (item, offer) => this.#showOffer(item, offer));
    const open = desk.open;
    tell(this.count, `${open.length} / ${desk.seat.capacity}`);
    this.none.hidden = open.length > 0;
    keyed(this.conversations, open, ({ ticket }) => ticket, (talk) => this.#makeTalk(talk), (item, talk) => this.#showTalk(item, talk));
    const ended = desk.ended;
    this.endedPart.hidden = !ended.length;
    keyed(this.ended, ended, ({ ticket }) => ticket, (talk) => this.#makeTalk(talk), (item, talk) => this.#showTalk(item, talk));
    this.tick();
  }

  /** What time alone changes. */
  tick() {
    const now = this.desk.now();
    for (const item of this.offers.children) {
      const { until } = item.offer;
      if (!until) continue;
      const left = Math.max(0, (until - now) / 1000);
      item.whole = Math.max(item.whole ?? 0, left);
      item.ring.style.setProperty('stroke-dashoffset', String(ROUND * (1 - left / (item.whole || 1))));
      tell(item.seconds, String(Math.ceil(left)));
      item.classList.toggle('urgent', left < 6);
    }
    const wrapUp = (this.desk.wrapUpUntil - now) / 1000;
    [...this.ended.children].forEach((item, place) => {
      tell(item.time, place === 0 && wrapUp > 0 ? words.wrapUp(clock(wrapUp + 0.99)) : short((now - item.talk.over) / 1000));
    });
    for (const item of this.conversations.children) tell(item.time, short((now - (item.talk.card.since ?? now)) / 1000));
  }

  #makeOffer(offer) {
    const ring = draw('circle', { cx: 18, cy: 18, r: 15, class: 'left', 'stroke-dasharray': ROUND });
    const seconds = make('span', { className: 'number' });
    const answer = make('button', { className: 'button primary answer', type: 'button', onclick: () => this.act.take(item.offer.ticket) },
      make('span', { className: 'ring', ariaHidden: 'true' }, draw('svg', { viewBox: '0 0 36 36' }, draw('circle', { cx: 18, cy: 18, r: 15, class: 'all' }), ring), seconds),
      make('span', { className: 'label' }), make('kbd', { ariaHidden: 'true' }, 'A'));
    const decline = make('button', { className: 'button decline', type: 'button', onclick: () => this.act.decline(item.offer.ticket) },
      words.decline, make('kbd', { ariaHidden: 'true' }, 'N'));
    const item = make('li', { className: 'card offer' },
      make('div', { className: 'who' }, disc(shopperName(offer)), make('div', {}, make('strong', {}, shopperName(offer)), make('p', { className: 'small muted asks' })), tierPill(offer)),
      make('p', { className: 'first' }),
      make('p', { className: 'small muted meta' }),
      make('div', { className: 'buttons' }, answer, decline));
    return Object.assign(item, { offer, ring, seconds, answer, decline });
  }

  #showOffer(item, offer) {
    item.offer = offer;
    const lapsed = offer.stand === 'lapsed';
    item.classList.toggle('lapsed', lapsed);
    item.answer.querySelector('.ring').toggleAttribute('hidden', lapsed);
    tell(item.answer.querySelector('.label'), lapsed ? words.take : words.answer);
    tell(item.querySelector('.asks'), words.asksFor(skillNames(offer)));
    const talk = this.desk.talks.get(offer.ticket);
    const said = talk?.lines.filter(({ from }) => from !== 'system') ?? [];
    const first = item.querySelector('.first');
    first.hidden = !said.length;
    tell(first, said.at(-1)?.text ?? '');
    const waited = words.waited(short((this.desk.now() - offer.asked_at) / 1000));
    const from = offer.handed_on_by && this.act.nameOf(offer.handed_on_by);
    tell(item.querySelector('.meta'), [lapsed && words.lapsed, waited, from && `${words.facts.handedOn.toLowerCase()} ${from}`, offer.site].filter(Boolean).join(' · '));
  }

  #makeTalk(talk) {
    const time = make('span', { className: 'small muted number time' });
    const button = make('button', { type: 'button', className: 'talk', onclick: () => this.act.choose(item.talk.ticket) },
      disc(shopperName(talk.card)),
      make('span', { className: 'body' }, make('span', { className: 'top' }, make('strong', {}, shopperName(talk.card)), time), make('span', { className: 'last small muted' })),
      make('span', { className: 'unread number' }));
    const item = make('li', {}, button);
    return Object.assign(item, { talk, time, button });
  }

  #showTalk(item, talk) {
    item.talk = talk;
    const isCurrent = talk.ticket === this.desk.current;
    item.button.toggleAttribute('aria-current', isCurrent);
    if (isCurrent) item.button.setAttribute('aria-current', 'true');
    const last = talk.lines.filter(({ from }) => from !== 'system').at(-1);
    const typing = talk.typingUntil > Date.now();
    tell(item.button.querySelector('.last'), typing ? words.typing(shopperName(talk.card)) : last ? `${last.from === 'rep' ? `${words.you}: ` : ''}${last.text}` : skillNames(talk.card));
    const unread = item.button.querySelector('.unread');
    unread.hidden = !talk.unread;
    tell(unread, talk.unread ? String(talk.unread) : '');
    if (talk.unread) unread.setAttribute('aria-label', `${talk.unread} unread`);
  }
}
