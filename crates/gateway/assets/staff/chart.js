// Charts of the last hours, drawn as SVG without help. Must not know where minutes come from.

import { draw, make, short } from '/staff.js';
import { words } from './wallwords.js';

const WIDTH = 720;
const HEIGHT = 190;
const LEFT = 44;
const BOTTOM = 24;
const TOP = 12;
const RIGHT = 8;

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

/** The least round number that is not below `most`. */
function ceiling(most, rounds) {
  return rounds.find((round) => round >= most) ?? Math.ceil(most / 3600) * 3600;
}

function frame(title, top, unit, begin, end) {
  const svg = draw('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': title });
  for (const share of [0, 0.5, 1]) {
    const y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - share);
    svg.append(draw('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y }));
    svg.append(draw('text', { class: 'axis', x: LEFT - 8, y: y + 4, 'text-anchor': 'end' }, unit(top * share)));
  }
  for (const [at, anchor, x] of [[begin, 'start', LEFT], [(begin + end) / 2, 'middle', (LEFT + WIDTH - RIGHT) / 2], [end, 'end', WIDTH - RIGHT]]) {
    svg.append(draw('text', { class: 'axis', x, y: HEIGHT - 6, 'text-anchor': anchor }, time.format(new Date(at))));
  }
  return svg;
}

function figure(title, svg, legend) {
  return make('figure', { className: 'panel' }, make('figcaption', {}, make('h2', {}, title), make('ul', { className: 'legend' }, ...legend.map(([kind, text]) => make('li', {}, make('i', { className: kind, ariaHidden: 'true' }), text)))), svg);
}

const scale = (all, top) => {
  const [begin, end] = [all[0].at, all.at(-1).at];
  return {
    begin, end,
    x: (at) => (end === begin ? (LEFT + WIDTH - RIGHT) / 2 : LEFT + ((WIDTH - LEFT - RIGHT) * (at - begin)) / (end - begin)),
    y: (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - Math.min(1, value / top)),
  };
};

const path = (points) => points.map(([x, y], place) => `${place ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');

/** Promised waits with their band, and the waits that happened. */
export function waits(all) {
  const seen = all.filter(({ answered, promised }) => answered || promised);
  const title = words.waits;
  if (!seen.length) return figure(title, make('p', { className: 'muted none' }, words.chartNone), []);
  const mean = (step) => step.waited_sum / step.answered;
  const bands = seen.filter(({ promised }) => promised).map((step) => ({ at: step.at, low: step.low_sum / step.promised, middle: step.promised_sum / step.promised, high: step.high_sum / step.promised }));
  const happened = seen.filter(({ answered }) => answered);
  const top = ceiling(Math.max(20, ...bands.map(({ high }) => high), ...happened.map(mean)), [20, 30, 60, 120, 180, 300, 600, 900, 1800, 3600]);
  const { begin, end, x, y } = scale(all, top);
  const told = happened.slice(-3).map((step) => `${time.format(new Date(step.at))} ${short(mean(step))}`).join(', ');
  const svg = frame(words.chartText(title, told), top, (value) => (value ? short(value) : '0'), begin, end);
  if (bands.length) {
    const area = [...bands.map(({ at, high }) => [x(at), y(high)]), ...bands.toReversed().map(({ at, low }) => [x(at), y(low)])];
    svg.append(draw('path', { class: 'band', d: `${path(area)}Z` }));
    // A single promise has no width of its own.
    for (const { at, low, high } of bands) svg.append(draw('line', { class: 'band-mark', x1: x(at), x2: x(at), y1: y(high), y2: y(low) }));
    svg.append(draw('path', { class: 'promised', d: path(bands.map(({ at, middle }) => [x(at), y(middle)])) }));
  }
  svg.append(draw('path', { class: 'happened', d: path(happened.map((step) => [x(step.at), y(mean(step))])) }));
  for (const step of happened) svg.append(draw('circle', { class: 'happened', cx: x(step.at), cy: y(mean(step)), r: 3 }));
  return figure(title, svg, [['band', words.legend.band], ['promised', words.legend.promised], ['happened', words.legend.happened]]);
}

/** How many wait and talk, and how many reps are free. */
export function load(all) {
  const title = words.load;
  if (!all.length) return figure(title, make('p', { className: 'muted none' }, words.chartNone), []);
  const top = ceiling(Math.max(4, ...all.map(({ queued, open, available }) => Math.max(queued + open, available ?? 0))), [4, 6, 10, 20, 40, 60, 100, 200, 400, 1000]);
  const { begin, end, x, y } = scale(all, top);
  const last = all.at(-1);
  const svg = frame(words.chartText(title, `${last.queued} ${words.legend.queued}, ${last.open} ${words.legend.open}`), top, (value) => String(value), begin, end);
  const width = Math.max(2, Math.min(24, ((WIDTH - LEFT - RIGHT) / all.length) * 0.7));
  for (const step of all) {
    const left = Math.min(WIDTH - RIGHT - width, Math.max(LEFT, x(step.at) - width / 2));
    const bar = (kind, from, to) => to > from && svg.append(draw('rect', { class: kind, x: left, width, y: y(to), height: y(from) - y(to) }));
    bar('open', 0, step.open);
    bar('queued', step.open, step.open + step.queued);
  }
  const known = all.filter(({ available }) => available !== undefined);
  svg.append(draw('path', { class: 'free', d: path(known.map((step) => [x(step.at), y(step.available)])) }));
  return figure(title, svg, [['queued', words.legend.queued], ['open', words.legend.open], ['free', words.legend.available]]);
}
