// What groups are called: names in the place of ids, words where nothing is known.

const OTHERS = "(others)"; // of a chart: all groups that have no bar of their own
const known = new Map();
const countries = new Intl.DisplayNames("en", { type: "region" });

/** Keeps the names of an answer: other pages, and the filters, use them too. */
export function remember(names) {
  for (const [column, found] of Object.entries(names)) {
    if (!known.has(column)) known.set(column, new Map());
    for (const [id, name] of Object.entries(found)) known.get(column).set(id, name);
  }
}

/** The name of a value of a column; the value itself where it has none. */
export function nameOf(column, value) {
  if (value === null) return "Not known";
  if (value === OTHERS) return "All others";
  if (column === "country" && /^[A-Z]{2}$/.test(value)) return countries.of(value);
  return known.get(column)?.get(String(value)) || String(value);
}

/** Whether there is such a group, so that one can look at it alone. */
export const isGroup = (value) => value !== null && value !== OTHERS;
