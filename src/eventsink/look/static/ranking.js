// A ranking: the highest groups, each with a bar behind its name.

import { arrange, element, one, write } from "./elements.js";
import { fillGroup, groupsOf, keyOf, newGroup } from "./groups.js";
import { measuresOf } from "./series.js";
import { exactly, said } from "./units.js";

/** The list of a panel, with what its numbers are above it. */
export class Ranking {
  #heads = element("p", { class: "soft heads", "aria-hidden": "true" });
  #list = element("ol", { class: "plain ranking" });

  constructor(body) {
    body.append(element("div", { class: "ranked" }, this.#heads, this.#list));
  }

  /** Shows the rows of a panel. */
  show(panel) {
    const [groups, measures] = [groupsOf(panel), measuresOf(panel)];
    this.#list.parentElement.style.setProperty("--measures", measures.length);
    const heads = ["", ...measures.map(({ title }) => title)].map((title, key) => ({ title, key: String(key) }));
    arrange(this.#heads, heads, ({ key }) => key, () => element("span"), (head, { title }) => write(head, title));
    const first = groups.length;
    const highest = Math.max(0, ...panel.rows.map((row) => row[first]));
    arrange(
      this.#list,
      panel.rows,
      (row) => keyOf(groups, row),
      (row) => newItem(groups, measures, row),
      (item, row) => {
        fillGroup(item, groups, row);
        one("i", item).style.width = `${highest > 0 ? Math.max(0, (100 * row[first]) / highest) : 0}%`;
        measures.forEach(({ title, unit }, place) => {
          const number = item.children[place + 1];
          write(number.firstChild, `${title} `);
          write(number.lastChild, said(row[first + place], unit));
          number.title = exactly(row[first + place], unit);
        });
      },
    );
  }
}

function newItem(groups, measures, row) {
  const name = element("div", { class: "named" }, element("i", { "aria-hidden": "true" }), newGroup(groups, row));
  const numbers = measures.map(() => {
    return element("span", { class: "figure" }, element("span", { class: "unseen" }), element("span"));
  });
  return element("li", {}, name, ...numbers);
}
