// The Camera Shop's own script: basket, membership, and the drawer that shows what happens behind the page.
// Must not know how the bell works; it only sets the element's attributes, as any shop's page would.

const find = (selector) => document.querySelector(selector);
const bells = document.querySelectorAll('deskbell-help');

let inBasket = 0;
find('.order').addEventListener('submit', (event) => {
  event.preventDefault();
  inBasket += 1;
  const count = find('.count');
  count.hidden = false;
  count.textContent = String(inBasket);
  find('.basket').setAttribute('aria-label', `Basket, ${inBasket === 1 ? '1 thing' : `${inBasket} things`}`);
});

// Tokens are short-lived.
const TOKEN_RENEWAL = 5 * 60_000;

// A real shop signs the token with the page; the demo's server signs one for whichever tier is chosen.
async function joinTier(tier) {
  for (const bell of bells) bell.setAttribute('tier', tier);
  const answer = tier === 'standard' ? null : await fetch(`/demo/token?tier=${tier}`).catch(() => null);
  const token = answer?.ok ? (await answer.json()).token : '';
  if (find('[name=tier]:checked').value !== tier) return;
  for (const bell of bells) {
    if (token) bell.setAttribute('token', token);
    else bell.removeAttribute('token');
  }
}
for (const radio of document.querySelectorAll('[name=tier]')) {
  radio.addEventListener('change', () => joinTier(radio.value));
}
const rejoinTier = () => joinTier(find('[name=tier]:checked').value);
setInterval(rejoinTier, TOKEN_RENEWAL);
rejoinTier();

const SHOWN = 60;
const drawer = find('.drawer');
const toggle = find('.drawer-toggle');
const list = find('#drawer-list');

toggle.addEventListener('click', () => {
  const open = drawer.classList.toggle('open');
  toggle.setAttribute('aria-expanded', String(open));
  list.hidden = !open;
  list.scrollTop = list.scrollHeight;
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
