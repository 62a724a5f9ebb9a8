// What comes after a conversation that somebody answered: how it was.
// Must not know how a rating travels.

/** Its English; other languages have these beside the panel's words. */
const english = {
  rate: 'How was it?',
  stars: (n) => ['Poor', 'Not good', 'All right', 'Good', 'Very good'][n - 1],
  comment: 'Anything to add?',
  sendRating: 'Send',
  thanks: 'Thank you. The rating is with the team.',
};

const STAR = ['M10 2.8l2.2 4.6 5 .7-3.6 3.5.9 5-4.5-2.4-4.5 2.4.9-5L2.8 8.1l5-.7z'];

/** The form; `rate` is given what was chosen, and the place for words about it. */
export function ratingForm(root, { make, icon, texts: spoken, rate, grown }) {
  const texts = { ...english, ...spoken };
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
  const stars = [1, 2, 3, 4, 5].map((n) => {
    const input = make('input', { type: 'radio', name: 'stars', value: String(n), class: 'quiet', id: `star-${n}` });
    return [input, make('label', { class: 'star', for: `star-${n}`, title: texts.stars(n) }, icon(STAR), make('span', { class: 'quiet', textContent: `${n}: ${texts.stars(n)}` }))];
  }).flat();
  const comment = make('input', { type: 'text', maxLength: 1000, placeholder: texts.comment, 'aria-label': texts.comment });
  const send = make('button', { class: 'secondary', type: 'submit', textContent: texts.sendRating });
  const more = make('div', { class: 'row more', hidden: true }, comment, send);
  const word = make('p', { class: 'hint word', role: 'status' });
  const form = make('form', { class: 'rating' },
    make('fieldset', {}, make('legend', { textContent: texts.rate }), make('div', { class: 'stars' }, ...stars), word), more);
  const chosen = () => Number(new FormData(form).get('stars'));
  form.addEventListener('change', () => {
    more.hidden = false;
    word.textContent = chosen() ? texts.stars(chosen()) : '';
    form.querySelectorAll('.star').forEach((star, index) => star.classList.toggle('lit', index < chosen()));
    grown();
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const body = { stars: chosen() };
    if (comment.value.trim()) body.comment = comment.value.trim();
    if (await rate(body, word)) form.replaceChildren(make('p', { class: 'hint', role: 'status', textContent: texts.thanks }));
  });
  return form;
}

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
.rating fieldset { margin: 8px 0 0; padding: 0; border: 0; }
.rating legend { padding: 0; color: var(--_muted); }
.stars { display: flex; margin-inline-start: -6px; }
.star { display: grid; place-items: center; inline-size: 36px; block-size: 36px; border-radius: 8px; color: var(--_muted); cursor: pointer; }
.star:hover { background: var(--_surface-2); }
.star.lit { color: var(--_accent); } .star.lit .icon { fill: currentColor; }
.stars :focus-visible + .star { outline: 2px solid var(--_accent); }
.row.more { margin-block-start: 8px; flex-wrap: nowrap; }
@media (forced-colors: active) { .star.lit .icon { fill: CanvasText; } }
`);
