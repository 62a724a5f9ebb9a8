// A list in a panel that does not grow: closer together where it is long, and what still does not fit behind a button.
// Must not know what the list is of.

import { make, tell } from '/staff.js';
import { words } from './wallwords.js';

export class Room {
  #isWhole = false;

  constructor(list) {
    this.list = list;
    this.more = make('button', { type: 'button', className: 'button tiny rest', hidden: true, onclick: () => { this.#isWhole = !this.#isWhole; this.fit(); } });
    this.element = make('div', { className: 'room-for' }, make('div', { className: 'inside' }, list, this.more));
    new ResizeObserver(() => this.fit()).observe(this.element);
  }

  /** Shows as much as there is room for; a narrow screen has all the room there is. */
  fit() {
    const { element, list, more } = this;
    const items = [...list.children];
    element.classList.toggle('whole', this.#isWhole);
    const isBounded = getComputedStyle(element.firstChild).position === 'absolute';
    const show = (fitting) => items.forEach((item, place) => { item.hidden = place >= fitting; });
    more.hidden = true;
    list.classList.remove('dense');
    show(items.length);
    if (this.#isWhole && items.length) {
      more.hidden = false;
      tell(more, words.fewer);
    }
    const room = element.clientHeight;
    if (!isBounded || list.scrollHeight <= room) return;
    list.classList.add('dense');
    if (list.scrollHeight <= room) return;
    more.hidden = false;
    tell(more, words.more(items.length));
    const last = room - more.offsetHeight - parseFloat(getComputedStyle(list).rowGap);
    const fitting = items.filter((item) => item.offsetTop + item.offsetHeight <= last).length;
    show(fitting);
    tell(more, words.more(items.length - fitting));
  }
}
