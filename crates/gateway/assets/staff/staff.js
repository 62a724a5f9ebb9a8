// What the pages for staff have in common: elements, icons, marks of state, times in words, requests.
// Must not know either page.

/** Makes an element with properties, or attributes where it has no such property. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** Makes an SVG element with attributes. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const ICONS = {
  bell: 'M4.5 14h11l-1.3-2.1V8.6a4.2 4.2 0 0 0-8.4 0v3.3zM8.4 16.4a1.7 1.7 0 0 0 3.2 0M10 4.4V3',
  mute: 'M4.5 14h11l-1.3-2.1V8.6a4.2 4.2 0 0 0-8.4 0v3.3zM8.4 16.4a1.7 1.7 0 0 0 3.2 0M3.5 3.5l13 13',
  phone: 'M5.2 3.5h2.4l1.2 3.2-1.6 1.2a9 9 0 0 0 4.9 4.9l1.2-1.6 3.2 1.2v2.4c0 .9-.7 1.7-1.7 1.7A11.3 11.3 0 0 1 3.5 5.2c0-1 .8-1.7 1.7-1.7z',
  hand: 'M3.5 10h11M11 6l4 4-4 4M16.5 4.5v11',
  end: 'M5.5 5.5l9 9M14.5 5.5l-9 9',
  send: 'M3.5 10L16.5 4l-4.2 12.5-3-5.2zM9.3 11.3L16.5 4',
  slash: 'M12.5 3.5l-5 13',
  back: 'M12.5 4.5L7 10l5.5 5.5',
  person: 'M10 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM4.5 16.5c.4-3 2.6-4.5 5.5-4.5s5.1 1.5 5.5 4.5',
  page: 'M5.5 3.5h6l3 3v10h-9zM11.5 3.5v3h3',
  help: 'M7.6 7.7a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1.1.8-1.1 1.6v.4M10 14.6v.1M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15z',
  wall: 'M3.5 4.5h13v9h-13zM7 16.5h6M10 13.5v3M6.5 11V9M10 11V7M13.5 11V8.5',
  out: 'M12.5 6V3.5h-9v13h9V14M8.5 10h8M14 7.5l2.5 2.5-2.5 2.5',
  check: 'M4.5 10.5l3.5 3.5 7.5-8',
  clock: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6.2V10l2.6 1.8',
  down: 'M5.5 8l4.5 4.5L14.5 8',
};

/** One icon of the set, not told to those who listen. */
export function icon(name) {
  return draw('svg', { class: 'icon', viewBox: '0 0 20 20', 'aria-hidden': 'true' }, draw('path', { d: ICONS[name] }));
}

const MARKS = {
  available: () => [draw('circle', { cx: 7, cy: 7, r: 6, fill: 'currentColor' })],
  busy: () => [draw('circle', { cx: 7, cy: 7, r: 6, fill: 'currentColor' }), draw('rect', { x: 3.5, y: 6, width: 7, height: 2, rx: 1, fill: 'var(--deskbell-surface)' })],
  away: () => [draw('path', { d: 'M11.6 9.9A5.8 5.8 0 0 1 5 1.3a6 6 0 1 0 6.6 8.6z', fill: 'currentColor' })],
  offline: () => [draw('circle', { cx: 7, cy: 7, r: 5, fill: 'none', stroke: 'currentColor', 'stroke-width': 2 })],
};

/** The mark of a state, by shape and by colour. */
export function mark(state) {
  return draw('svg', { class: `mark ${state}`, viewBox: '0 0 14 14', 'aria-hidden': 'true' }, ...(MARKS[state] ?? MARKS.offline)());
}

/** The disc with somebody's initials. */
export function disc(name, extra = '') {
  const initials = (name ?? '').split(/\s+/).filter(Boolean).map((word) => [...word][0]).slice(0, 2).join('').toUpperCase();
  let sum = 0;
  for (const letter of name ?? '?') sum = (sum * 31 + letter.codePointAt(0)) % 997;
  return make('span', { className: `disc tone-${(sum % 6) + 1} ${extra}`, ariaHidden: 'true' }, initials || '?');
}

/** A length of time as short as a list needs it: 45 s, 3 min, 1 h 20. */
export function short(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  const minutes = Math.floor((whole % 3600) / 60);
  return minutes ? `${Math.floor(whole / 3600)} h ${String(minutes).padStart(2, '0')}` : `${Math.floor(whole / 3600)} h`;
}

/** A length of time as a clock shows it: 0:45, 12:03, 1:02:03. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Keeps the children of `parent` in step with `items`; an element stays the same as long as its key is there. */
export function keyed(parent, items, key, create, update) {
  const kept = new Map([...parent.children].map((child) => [child.deskbellKey, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let element = kept.get(name);
    kept.delete(name);
    if (!element) {
      element = create(item);
      element.deskbellKey = name;
    }
    update?.(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const gone of kept.values()) gone.remove();
}

/** Sets a text only where it differs, so that nothing is told twice. */
export function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Asks the server for JSON; a refusal is an error with the problem document's words. */
export async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body ? { 'content-type': 'application/json' } : {},
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, '');
  }
  const text = await answer.text();
  const document = text && answer.headers.get('content-type')?.includes('json') ? JSON.parse(text) : undefined;
  if (answer.ok) return document;
  throw new Refused(answer.status, document?.detail ?? '');
}

/** A request that was not done; status 0 is a server that cannot be reached. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}
