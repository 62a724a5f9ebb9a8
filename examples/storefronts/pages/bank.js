// Harbour Bank's own script: the mortgage calculator. Must not know of the bell.

const find = (selector) => document.querySelector(selector);
const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR', maximumFractionDigits: 0 });
const form = find('.sums');
const PLOT = { width: 400, height: 148 };

/** What is owed at the start of each year, and the monthly payment of an annuity. */
function payBack(borrowed, yearlyRate, years) {
  const rate = yearlyRate / 12;
  const monthly = (borrowed * rate) / (1 - (1 + rate) ** (-12 * years));
  const owed = Array.from({ length: years + 1 }, (_, year) => {
    const grown = (1 + rate) ** (12 * year);
    return Math.max(0, borrowed * grown - monthly * ((grown - 1) / rate));
  });
  return { monthly, owed };
}

function show() {
  const price = find('#price').valueAsNumber;
  const deposit = find('#deposit').valueAsNumber / 100;
  const years = find('#years').valueAsNumber;
  const borrowed = price * (1 - deposit);
  const { monthly, owed } = payBack(borrowed, Number(new FormData(form).get('fixed')) / 100, years);
  const words = {
    'price-out': euros.format(price),
    'deposit-out': `${euros.format(price * deposit)}, ${Math.round(deposit * 100)} %`,
    'years-out': `${years} years`,
    monthly: euros.format(monthly),
    borrowed: euros.format(borrowed),
    interest: euros.format(monthly * 12 * years - borrowed),
    share: `${Math.round((1 - deposit) * 100)} %`,
    'last-year': `In ${years} years`,
  };
  for (const [id, text] of Object.entries(words)) find(`#${id}`).textContent = text;
  const line = owed.map((rest, year) => `${((year / years) * PLOT.width).toFixed(1)} ${(PLOT.height - (rest / borrowed) * (PLOT.height - 2)).toFixed(1)}`).join('L');
  find('#owed-line').setAttribute('d', `M${line}`);
  find('#owed').setAttribute('d', `M0 ${PLOT.height}L${line}L${PLOT.width} ${PLOT.height}z`);
}

form.addEventListener('input', show);
form.addEventListener('submit', (event) => event.preventDefault());
show();
