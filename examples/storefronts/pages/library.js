// Riverside Library's own script: the catalogue search. Must not know of the bell.

const words = document.querySelector('#words');
const filters = document.querySelector('.filters');
const found = document.querySelector('#found');
const books = [...document.querySelectorAll('.books li')];
const none = Object.assign(document.createElement('li'), { className: 'none', textContent: 'Nothing like it on our shelves. A librarian may know where there is.' });
document.querySelector('.books').append(none);

// The page comes with the answer to "river"; that every title here is about.
const SUBJECT = 'river';

function search() {
  const asked = words.value.trim().toLowerCase();
  const chosen = new FormData(filters);
  const kinds = chosen.getAll('kind');
  for (const book of books) {
    const { kind, in: isIn } = book.dataset;
    const fits = !asked || SUBJECT.startsWith(asked) || asked.startsWith(SUBJECT) || book.textContent.toLowerCase().includes(asked);
    book.hidden = !(fits && kinds.includes(kind) && (isIn === 'yes' || !chosen.has('in')));
  }
  const shown = books.filter((book) => !book.hidden).length;
  none.hidden = shown > 0;
  found.textContent = `${shown === 1 ? '1 title' : `${shown} titles`}${asked ? ` about ${asked}` : ''}`;
}

document.querySelector('.search').addEventListener('submit', (event) => {
  event.preventDefault();
  search();
});
words.addEventListener('input', search);
filters.addEventListener('change', search);
for (const tip of document.querySelectorAll('.tips button')) {
  tip.addEventListener('click', () => {
    words.value = tip.textContent;
    search();
    words.focus();
  });
}
search();
