// The Camera Shop's own script: the basket. Must not know of the bell.

const find = (selector) => document.querySelector(selector);

let inBasket = 0;
find('.order').addEventListener('submit', (event) => {
  event.preventDefault();
  inBasket += 1;
  const count = find('.count');
  count.hidden = false;
  count.textContent = String(inBasket);
  find('.basket').setAttribute('aria-label', `Basket, ${inBasket === 1 ? '1 thing' : `${inBasket} things`}`);
});
