// A group of a panel, as a button that shows it alone.

import { narrow } from "./address.js";
import { element, one, visible, write } from "./elements.js";
import { FILTERS } from "./filters.js";
import { brief } from "./format.js";
import { isGroup, nameOf } from "./names.js";

const LONGEST = 90; // letters of a name

/** The columns of a panel by which it is grouped. */
export const groupsOf = ({ columns }) => {
  return columns.flatMap(({ name, unit }, place) => (unit === "text" ? [{ name, place }] : []));
};

/** The name of the group of a row among those of the same panel. */
export const keyOf = (groups, row) => JSON.stringify(groups.map(({ place }) => row[place]));

/** A button, or a text where there is no such group. */
export function newGroup(groups, row) {
  const alone = groups.every(({ name, place }) => FILTERS.has(name) && isGroup(row[place]));
  const parts = [element("bdi"), element("span", { class: "soft" })];
  if (!alone) return element("span", { class: "group" }, ...parts);
  const button = element("button", { type: "button", class: "group" }, ...parts);
  button.onclick = () => narrow(groups.map(({ name, place }) => [name, String(row[place])]));
  return button;
}

/** Writes its name, and after it what it is one of; its id stands in the title. */
export function fillGroup(within, groups, row) {
  const made = one(".group", within);
  const [name, ...more] = groups.map(({ name, place }) => nameOf(name, row[place])).reverse();
  write(one("bdi", made), brief(name, LONGEST));
  write(made.lastChild, more.length ? ` ${more.join(" ")}` : "");
  const ids = groups.map(({ place }) => row[place] ?? "").join(" ");
  made.title = visible(made.matches("button") ? `Show this alone: ${ids}` : ids);
}
