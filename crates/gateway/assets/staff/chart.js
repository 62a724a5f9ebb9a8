// Charts of the last hours, drawn as SVG without help. Must not know where minutes come from.

import { draw, make, short } from '/staff.js';
import { words } from './wallwords.js';

const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** Minutes joined into steps of `size` minutes, from the first to now, also those in which nothing happened. */
export function steps(minutes, size, now, most) {
  if (!minutes.length) return [];
  const width = size * 60_000;
  const end = Math.floor(now / width) * width;
  const begin = Math.max(Math.floor(minutes[0].at / width) * width, end - (most - 1) * width);
  const all = new Map();
  for (let at = begin; at <= end; at += width) all.set(at, { at, queued: 0, open: 0, available: undefined, answered: 0, waited_sum: 0, waited_most: 0, promised: 0, promised_sum: 0, low_sum: 0, high_sum: 0 });
  for (const minute of minutes) {
    const step = all.get(Math.floor(minute.at / width) * width);
    if (!step) continue;
    for (const key of ['answered', 'waited_sum', 'promised', 'promised_sum', 'low_sum', 'high_sum']) step[key] += minute[key];
    for (const key of ['queued', 'open', 'waited_most']) step[key] = Math.max(step[key], minute[key]);
    step.available = minute.available;
  }
  return [...all.values()];
}

/** A panel that a chart fills, drawn anew whenever the panel has another size, so that its letters keep theirs. */
export class Chart {
  /** `plot` draws steps into a paper, or says by nothing that there is nothing to draw. */
  constructor(title, legend, plot) {
    this.plot = plot;
    this.legend = make('ul', { className: 'legend' }, ...legend.map(([kind, text]) => make('li', {}, make('i', { className: kind, ariaHidden: 'true' }), text)));
    this.place = make('div', { className: 'plot' });
    this.element = make('figure', { className: 'panel' }, make('figcaption', {}, make('h2', {}, title), this.legend), this.place);
    new ResizeObserver(() => this.#draw()).observe(this.place);
  }

  show(all) {
    this.all = all;
    this.#draw();
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (!this.all || !width) return;
    const letter = parseFloat(getComputedStyle(this.place).fontSize);
    const drawn = this.all.length ? this.plot(this.all, new Paper(width, height, letter)) : undefined;
    this.legend.hidden = !drawn;
    this.place.replaceChildren(drawn ?? make('p', { className: 'muted none' }, words.chartNone));
  }
}

/** Where a chart is drawn: a size in pixels, with room beside it for letters of `letter` pixels. */
class Paper {
  constructor(width, height, letter) {
    Object.assign(this, { width, height, letter, left: letter * 3.6, right: width - letter * 0.5, top: letter * 0.6, bottom: height - letter * 1.6 });
  }

  /** Puts times and values from 0 to `top` in their places. */
  scale(all, top) {
    this.begin = all[0].at;
    this.end = all.at(-1).at;
    this.most = top;
  }

  x(at) {
    return this.end === this.begin ? (this.left + this.right) / 2 : this.left + ((this.right - this.left) * (at - this.begin)) / (this.end - this.begin);
  }

  y(value) {
    return this.bottom - (this.bottom - this.top) * Math.min(1, value / this.most);
  }

  frame(title, unit) {
    const svg = draw('svg', { class: 'chart', viewBox: `0 0 ${this.width} ${this.height}`, role: 'img', 'aria-label': title });
    for (const value of [0, this.most / 2, this.most]) {
      const y = this.y(value);
      svg.append(draw('line', { class: 'grid', x1: this.left, x2: this.right, y1: y, y2: y }));
      svg.append(draw('text', { class: 'axis', x: this.left - this.letter * 0.5, y: y + this.letter * 0.35, 'text-anchor': 'end' }, unit(value)));
    }
    const middle = (this.begin + this.end) / 2;
    const told = new Set();
    for (const [at, anchor] of [[this.end, 'end'], [this.begin, 'start'], [middle, 'middle']]) {
      const text = time.format(new Date(at));
      if (!told.has(text)) svg.append(draw('text', { class: 'axis', x: this.x(at), y: this.height - this.letter * 0.3, 'text-anchor': this.end === this.begin ? 'middle' : anchor }, text));
      told.add(text);
    }
    return svg;
  }
}

/** The least round number that is not below `most`. */
function ceiling(most, rounds) {
  return rounds.find((round) => round >= most) ?? Math.ceil(most / 3600) * 3600;
}

const path = (points) => points.map(([x, y], place) => `${place ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');

/** Promised waits with their band, and the waits that happened. */
function plotWaits(all, paper) {
  if (!all.some(({ answered, promised }) => answered || promised)) return undefined;
  const mean = (step) => step.waited_sum / step.answered;
  const bands = all.filter(({ promised }) => promised).map((step) => ({ at: step.at, low: step.low_sum / step.promised, middle: step.promised_sum / step.promised, high: step.high_sum / step.promised }));
  const happened = all.filter(({ answered }) => answered);
  paper.scale(all, ceiling(Math.max(20, ...bands.map(({ high }) => high), ...happened.map(mean)), [20, 30, 60, 120, 180, 300, 600, 900, 1800, 3600]));
  const told = happened.slice(-3).map((step) => `${time.format(new Date(step.at))} ${short(mean(step))}`).join(', ');
  const svg = paper.frame(words.chartText(words.waits, told), (value) => (value ? short(value) : '0'));
  if (bands.length) {
    const area = [...bands.map(({ at, high }) => [paper.x(at), paper.y(high)]), ...bands.toReversed().map(({ at, low }) => [paper.x(at), paper.y(low)])];
    svg.append(draw('path', { class: 'band', d: `${path(area)}Z` }));
    // A single promise has no width of its own.
    if (bands.length < 2) svg.append(...bands.map(({ at, low, high }) => draw('line', { class: 'band-mark', x1: paper.x(at), x2: paper.x(at), y1: paper.y(high), y2: paper.y(low) })));
    const promised = bands.map(({ at, middle }) => [paper.x(at), paper.y(middle)]);
    svg.append(draw('path', { class: 'promised', d: path(promised) }), ...(promised.length < 2 ? promised.map(([cx, cy]) => draw('circle', { class: 'promised', cx, cy, r: 4 })) : []));
  }
  svg.append(draw('path', { class: 'happened', d: path(happened.map((step) => [paper.x(step.at), paper.y(mean(step))])) }));
  for (const step of happened) svg.append(draw('circle', { class: 'happened', cx: paper.x(step.at), cy: paper.y(mean(step)), r: 4 }));
  return svg;
}

/** How many wait and talk, and how many reps are free. */
function plotLoad(all, paper) {
  paper.scale(all, ceiling(Math.max(4, ...all.map(({ queued, open, available }) => Math.max(queued + open, available ?? 0))), [4, 6, 10, 20, 40, 60, 100, 200, 400, 1000]));
  const last = all.at(-1);
  const svg = paper.frame(words.chartText(words.load, `${last.queued} ${words.legend.queued}, ${last.open} ${words.legend.open}`), (value) => String(value));
  const width = Math.max(2, Math.min(24, ((paper.right - paper.left) / all.length) * 0.7));
  // The first and the last bar stand whole inside the frame.
  paper.left += width / 2;
  paper.right -= width / 2;
  for (const step of all) {
    const left = paper.x(step.at) - width / 2;
    const bar = (kind, from, to) => to > from && svg.append(draw('rect', { class: kind, x: left, width, y: paper.y(to), height: paper.y(from) - paper.y(to) }));
    bar('open', 0, step.open);
    bar('queued', step.open, step.open + step.queued);
  }
  const known = all.filter(({ available }) => available !== undefined);
  svg.append(draw('path', { class: 'free', d: path(known.map((step) => [paper.x(step.at), paper.y(step.available)])) }));
  return svg;
}

export const waits = () => new Chart(words.waits, [['band', words.legend.band], ['promised', words.legend.promised], ['happened', words.legend.happened]], plotWaits);
export const load = () => new Chart(words.load, [['queued', words.legend.queued], ['open', words.legend.open], ['free', words.legend.available]], plotLoad);
