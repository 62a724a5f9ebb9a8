// What the demo's three sites share: membership, and the drawer that shows what happens behind the page.
// Must not know how the bell works; it only sets the element's attributes, as any site's page would.

const SITES = [['/', 'The Camera Shop'], ['/library/', 'Riverside Library'], ['/bank/', 'Harbour Bank']];

const LANGUAGES = { en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español', tr: 'Türkçe', ar: 'العربية' };

const bells = document.querySelectorAll('deskbell-help');
const site = bells[0].getAttribute('site');
// A site without memberships has one tier.
const chosenTier = () => document.querySelector('[name=tier]:checked')?.value ?? 'standard';

// Tokens are short-lived.
const TOKEN_RENEWAL = 5 * 60_000;

// A real site signs the token with the page; the demo's server signs one for whichever tier is chosen.
async function joinTier(tier) {
  for (const bell of bells) bell.setAttribute('tier', tier);
  const answer = tier === 'standard' ? null : await fetch(`/demo/token?site=${site}&tier=${tier}`).catch(() => null);
  const token = answer?.ok ? (await answer.json()).token : '';
  if (chosenTier() !== tier) return;
  for (const bell of bells) {
    if (token) bell.setAttribute('token', token);
    else bell.removeAttribute('token');
  }
}
for (const radio of document.querySelectorAll('[name=tier]')) {
  radio.addEventListener('change', () => joinTier(radio.value));
}
const rejoinTier = () => joinTier(chosenTier());
setInterval(rejoinTier, TOKEN_RENEWAL);
rejoinTier();

const SHOWN = 60;
const PULSE = 'M2.5 10.5h3.2l2.2-6 4 11 2.2-5h3.4';

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function pulse() {
  const draw = (tag, attributes) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const svg = draw('svg', { viewBox: '0 0 20 20', width: 20, height: 20, 'aria-hidden': true });
  svg.append(draw('path', { d: PULSE }));
  return svg;
}

const list = make('ol', { tabIndex: 0, ariaLabel: 'SIP and HTTP behind this page' });
const sites = make('nav', { className: 'drawer-sites', ariaLabel: 'Sites of this demo' }, ...SITES.map(([href, textContent]) => make('a', { href, textContent })));
const language = make('select', {}, ...Object.entries(LANGUAGES).map(([value, textContent]) => make('option', { value, textContent, lang: value })));
const inside = make('div', { id: 'drawer', hidden: true }, sites, make('label', { className: 'drawer-language' }, 'The bell speaks ', language), list);
const toggle = make('button', { type: 'button', className: 'drawer-toggle', ariaExpanded: 'false' }, pulse(), make('span', { textContent: 'What is happening' }));
const drawer = make('aside', { className: 'drawer', ariaLabel: 'What is happening', hidden: true }, toggle, inside);
toggle.setAttribute('aria-controls', inside.id);
for (const link of sites.children) if (link.pathname === location.pathname) link.ariaCurrent = 'page';
document.body.append(drawer);

toggle.addEventListener('click', () => {
  const open = drawer.classList.toggle('open');
  toggle.ariaExpanded = String(open);
  inside.hidden = !open;
  list.scrollTop = list.scrollHeight;
});

language.addEventListener('change', () => {
  for (const bell of bells) bell.setAttribute('lang', language.value);
});

function tell({ at, kind, text }) {
  const item = document.createElement('li');
  item.className = kind === 'http' ? 'http' : 'sip';
  const time = document.createElement('time');
  time.textContent = new Date(at).toLocaleTimeString('en-GB');
  const label = document.createElement('b');
  label.textContent = kind.toUpperCase();
  const words = document.createElement('span');
  words.textContent = text;
  item.append(time, label, words);
  const following = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
  list.append(item);
  while (list.childElementCount > SHOWN) list.firstElementChild.remove();
  if (following) list.scrollTop = list.scrollHeight;
}

let happenings;
function follow() {
  happenings?.close();
  happenings = undefined;
  if (document.hidden) return;
  happenings = new EventSource('/demo/events');
  happenings.addEventListener('open', () => { drawer.hidden = false; });
  happenings.addEventListener('message', (event) => tell(JSON.parse(event.data)));
}
document.addEventListener('visibilitychange', follow);
addEventListener('pagehide', () => happenings?.close());
addEventListener('pageshow', (event) => event.persisted && follow());
follow();
