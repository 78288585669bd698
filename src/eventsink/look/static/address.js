// The address: which page, of when, compared with what, and of what alone. A link shows the same to whoever opens it.

export const PAGES = new Map([
  ["overview", "Overview"],
  ["storage", "Storage"],
  ["extractions", "Extractions"],
  ["traffic", "Traffic"],
  ["health", "Health"],
  ["sink", "Sink"],
]);
export const PERIODS = new Map([
  ["24h", "24 hours"],
  ["7d", "7 days"],
  ["30d", "30 days"],
  ["90d", "90 days"],
  ["365d", "12 months"],
]);
export const COMPARISONS = new Map([
  ["before", "the period before"],
  ["year", "the year before"],
  ["none", "nothing"],
]);

const USUAL = { page: "overview", period: "30d", since: "", until: "", compare: "before", zone: "" };

// A page that visitors looked at is a filter too: in the address it has another name than the page of the dashboard.
const [PATH, COLUMN] = ["path", "page"];

/** The time zone of the browser, which is meant where the address names none. */
export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** What the address says: what stands in USUAL, and `filters` as pairs of column and value. */
export function read(search = location.search) {
  const given = new URLSearchParams(search);
  const view = { ...USUAL };
  for (const name of Object.keys(USUAL)) view[name] = given.get(name) || USUAL[name];
  if (!PAGES.has(view.page)) view.page = USUAL.page;
  const filters = [...given].filter(([name]) => !(name in USUAL));
  return { ...view, filters: filters.map(([name, value]) => [name === PATH ? COLUMN : name, value]) };
}

/** The address of a view. What is as usual is left out. */
export function linkTo(view) {
  const parts = Object.entries(timesOf(view)).filter(([name, value]) => value && value !== USUAL[name]);
  const filters = view.filters.map(([name, value]) => [name === COLUMN ? PATH : name, value]);
  const text = new URLSearchParams([...parts, ...filters]).toString();
  return text ? `/?${text}` : "/";
}

/** What the sink is asked for a view of numbers. */
export function questionOf(view) {
  const { page, ...times } = timesOf(view);
  const parts = Object.entries({ ...times, zone: view.zone || ownZone() }).filter(([, value]) => value);
  return new URLSearchParams([...parts, ...view.filters]);
}

/** Dates of one's own stand in the place of a period by name. */
function timesOf({ filters, ...view }) {
  return view.since || view.until ? { ...view, period: "" } : view;
}

/** Shows something else from now on, with some parts of the present view changed. */
export function change(parts) {
  const link = linkTo({ ...read(), ...parts });
  if (link === linkTo(read())) return;
  history.pushState(null, "", link);
  dispatchEvent(new Event("address"));
}

/** Of these groups alone, in the place of others of the same columns. */
export function narrow(pairs) {
  const columns = new Set(pairs.map(([column]) => column));
  change({ filters: [...read().filters.filter(([column]) => !columns.has(column)), ...pairs] });
}

/** Lets a link that stays on this page be followed without loading it anew; other clicks are the browser's. */
export function follow(event) {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  change(read(new URL(event.currentTarget.href).search));
  scrollTo(0, 0);
}
