// Single numbers as cards, each with how it was in the time before.

import { follow, linkTo, read } from "./address.js";
import { arrange, element, one, write } from "./elements.js";
import { exactly, said } from "./units.js";

// The pages that explain the numbers of the overview.
const EXPLAINED = {
  users: "storage",
  uploads: "storage",
  added: "storage",
  removed: "storage",
  downloads: "traffic",
  views: "traffic",
  ended: "extractions",
  failed: "extractions",
};
const MANY = 10; // times as many are said so, and not in percent

/** The figures of a panel. */
export class Figures {
  #list = element("ul", { class: "plain figures" });

  constructor(body) {
    body.append(this.#list);
  }

  /** Shows them, compared where the answer has something to compare with. */
  show({ columns, rows: [numbers = []], before }, { name: page }) {
    const figures = columns.map((column, place) => {
      return { ...column, number: numbers[place] ?? null, then: before?.[place] ?? null, compared: Boolean(before) };
    });
    const link = (name) => page === "overview" && EXPLAINED[name];
    const make = ({ name }) => newFigure(link(name));
    arrange(this.#list, figures, ({ name }) => name, make, (item, figure) => fill(item, figure, link(figure.name)));
  }
}

function newFigure(page) {
  const parts = [element("span", { class: "name" }), " ", element("strong"), " ", element("span", { class: "change" })];
  const card = element(page ? "a" : "div", { class: "card" }, ...parts);
  one(".change", card).append(element("span", { "aria-hidden": "true" }), element("span", { class: "unseen" }));
  if (page) card.onclick = follow;
  return element("li", {}, card);
}

function fill(item, { title, unit, number, then, compared }, page) {
  if (page) one("a", item).href = linkTo({ ...read(), page });
  write(one(".name", item), title);
  write(one("strong", item), said(number, unit));
  one("strong", item).title = exactly(number, unit);
  const [seen, heard] = compared ? changeOf(number, then, unit) : ["", ""];
  const [shown, unseen] = one(".change", item).children;
  write(shown, seen);
  write(unseen, heard || seen);
}

/** What has changed, for the eye and in words. */
function changeOf(number, then, unit) {
  if (then === null) return ["– nothing before", "There is nothing to compare with."]; // as of a median
  const was = said(then, unit);
  if (number === null || then <= 0) {
    return [`– ${was} before`, `There is nothing to compare with: ${was} before.`];
  }
  const ratio = number / then;
  if (ratio >= MANY) return [`▲ × ${Math.round(ratio)} from ${was}`, `${Math.round(ratio)} times the ${was} before`];
  const percent = Math.round(Math.abs(ratio - 1) * 100);
  if (percent === 0) return [`as before: ${was}`, ""];
  const [arrow, words] = ratio > 1 ? ["▲", "more"] : ["▼", "less"];
  return [`${arrow} ${percent} % from ${was}`, `${percent} percent ${words} than the ${was} before`];
}
