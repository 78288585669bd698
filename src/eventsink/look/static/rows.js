// The rows of a panel as a table, all of them: what charts show is read here too.

import { change } from "./address.js";
import { arrange, element, one, write } from "./elements.js";
import { fillGroup, keyOf, newGroup } from "./groups.js";
import { spellsOf } from "./spells.js";
import { exactly, said } from "./units.js";

/** The table of a panel. */
export class Rows {
  #frame;

  constructor(body, title) {
    const table = element("table", { class: "numbers" }, element("thead", {}, element("tr")), element("tbody"));
    table.prepend(element("caption", { class: "unseen" }, title));
    const label = `Numbers: ${title}`;
    this.#frame = element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, table);
    body.append(this.#frame);
  }

  /** Shows the rows of a panel. */
  show({ columns, rows }, answer) {
    const spells = columns[0].unit === "time" ? bySpell(rows, answer) : null;
    const kinds = columns.map((column, place) => ({ ...column, place, groups: [{ name: column.name, place }] }));
    const groups = kinds.filter(({ unit }) => unit === "text");
    if (groups[1]) groups[0].groups = groups; // both make one group; the second is a group in itself too
    arrange(one("thead tr", this.#frame), kinds, ({ name }) => name, newHead, (head, { title }) => write(head, title));
    const all = [...(spells ? [kinds[0]] : []), ...groups];
    const make = (row) => element("tr", {}, ...kinds.map((kind) => newCell(kind, row, spells)));
    arrange(one("tbody", this.#frame), rows, (row) => keyOf(all, row), make, (line, row) => {
      kinds.forEach((kind, place) => fill(line.children[place], kind, row, spells));
    });
  }
}

function bySpell(rows, answer) {
  const times = [...new Set(rows.map(([time]) => time))];
  return new Map(spellsOf(times, answer).map((spell) => [spell.time, spell]));
}

const isNumber = ({ unit }) => unit !== "text" && unit !== "time";

function newHead(column) {
  return element("th", { scope: "col", class: isNumber(column) ? "figure" : undefined });
}

function newCell(kind, row, spells) {
  if (isNumber(kind)) return element("td", { class: "figure" });
  const cell = kind.place === 0 ? element("th", { scope: "row" }) : element("td");
  if (kind.unit === "time") {
    const { since, until } = spells.get(row[0]);
    const button = element("button", { type: "button", class: "group", title: "Show this time alone" });
    button.onclick = () => change({ since, until });
    cell.append(button);
  } else {
    cell.append(newGroup(kind.groups, row));
  }
  return cell;
}

function fill(cell, { unit, place, name }, row, spells) {
  if (unit === "time") write(cell.firstChild, spells.get(row[0]).name);
  else if (unit === "text") fillGroup(cell, [{ name, place }], row);
  else {
    write(cell, said(row[place], unit));
    cell.title = exactly(row[place], unit);
  }
}
