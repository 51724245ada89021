"use strict";
const form = document.getElementById("filter");
const list = document.getElementById("cards");
const cards = [...list.children];
const shown = document.getElementById("shown");
const field = (name) => document.getElementById(name);
// What failed has no score, and goes last.
const doubt = (card) => card.dataset.state === "failed" ? 2 : card.dataset.score;
const ORDERS = {
  answer: (a, b) => a.dataset.rank - b.dataset.rank,
  number: (a, b) => a.dataset.number - b.dataset.number,
  unsure: (a, b) => doubt(a) - doubt(b),
  sure: (a, b) => b.dataset.score - a.dataset.score,
  path: (a, b) => a.dataset.words.localeCompare(b.dataset.words),
};
let order = "answer";

function filter() {
  const words = field("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = ["label", "modality", "state"].map((name) => [name, field(name).value]);
  let count = 0;
  for (const card of cards) {
    const fits = words.every((word) => card.dataset.words.includes(word))
      && wanted.every(([name, value]) => !value || card.dataset[name] === value);
    card.hidden = !fits;
    count += fits;
  }
  if (field("order").value !== order) {
    order = field("order").value;
    list.append(...cards.sort(ORDERS[order]));
  }
  const [some, all] = [count, cards.length].map((number) => number.toLocaleString("en"));
  shown.textContent = count === cards.length ? `${all} files` : `${some} of ${all} files`;
}

// A link to a file shows it even if the filter has hidden it.
function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  if (target && target.hidden) {
    form.reset();
  }
}

form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("change", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(() => {
  filter();
  document.querySelector(":target")?.scrollIntoView();
}));
addEventListener("hashchange", reveal);
filter();
