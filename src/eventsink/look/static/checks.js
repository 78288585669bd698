// Every check: how it is, how long it was up, how long it takes. A check that is pressed is a line of the chart.

import { arrange, element, one, write } from "./elements.js";
import { brief, count, moment, percent, took } from "./format.js";
import { MOST_LINES, TookChart } from "./took.js";
import { trend } from "./trend.js";

const FEW = 30; // rows that are shown until all are asked for
const MOST_REGIONS = 6;
const LONGEST = 80; // letters of a name
const MOODS = { up: "good", down: "bad", maintenance: "warn" };
const WORDS = { up: "Up", down: "Down", maintenance: "Maintenance", unknown: "Unknown" };
const RANKS = { down: 0, maintenance: 1, up: 2, unknown: 3 };
const SPANS = ["24h", "7d", "30d"];
const LABELS = ["24 h", "7 d", "30 d"];

/** The table of them and their chart. */
export class Checks {
  #chart = new TookChart();
  #chosen = new Map(); // name to its place among the lines, in the order in which they were pressed
  #untouched = true; // nobody pressed any yet
  #all = false;
  #answer = null;

  constructor() {
    one("#checks-all").onclick = () => {
      this.#all = true;
      this.show(this.#answer);
      one(`#checks tbody tr:nth-child(${FEW + 1}) button`)?.focus();
    };
  }

  /** Shows an answer of /v1/health. */
  show(answer) {
    this.#answer = answer;
    const checks = answer.checks.toSorted((a, b) => RANKS[a.state] - RANKS[b.state]);
    this.#choose(checks);
    const shown = this.#all ? checks : checks.slice(0, FEW);
    const [make, fill] = [({ name }) => this.#newRow(name), (row, check) => this.#fill(row, check)];
    arrange(one("#checks tbody"), shown, ({ name }) => name, make, fill);
    one("#checks-part").hidden = checks.length === 0;
    one("#checks-all").hidden = shown.length === checks.length;
    write(one("#checks-all"), `Show all ${count(checks.length)}`);
    write(one("#health-sum"), sumUp(answer));
  }

  /** Draws the chart. */
  draw() {
    const byName = new Map(this.#answer.checks.map((check) => [check.name, check]));
    const lines = [...this.#chosen].map(([name, place]) => ({ name, place, numbers: byName.get(name).took_ms }));
    lines.sort((a, b) => a.place - b.place);
    const measured = this.#answer.checks.some((check) => latest(check) !== null);
    return this.#chart.show(lines, new Date(this.#answer.hours_from), measured);
  }

  /** Those that are gone are no lines any more. Until somebody chooses, the slowest are. */
  #choose(checks) {
    const names = new Set(checks.map(({ name }) => name));
    for (const name of this.#chosen.keys()) if (!names.has(name)) this.#chosen.delete(name);
    if (!this.#untouched || this.#chosen.size === MOST_LINES) return;
    const slow = checks.filter((check) => latest(check) !== null && !this.#chosen.has(check.name));
    slow.sort((a, b) => average(b) - average(a));
    for (const { name } of slow.slice(0, MOST_LINES - this.#chosen.size)) this.#add(name);
  }

  #add(name) {
    if (this.#chosen.size === MOST_LINES) this.#chosen.delete(this.#chosen.keys().next().value);
    const taken = new Set(this.#chosen.values());
    this.#chosen.set(name, Array.from({ length: MOST_LINES }, (_, place) => place).find((place) => !taken.has(place)));
  }

  #press(name) {
    this.#untouched = false;
    if (!this.#chosen.delete(name)) this.#add(name);
    this.show(this.#answer);
    this.draw().catch((error) => console.error(error));
  }

  #newRow(name) {
    const mark = element("i", { class: "mark", "aria-hidden": "true" });
    const short = brief(name, LONGEST);
    const title = short === name ? undefined : name;
    const button = element("button", { type: "button", title }, mark, element("bdi", {}, short));
    const cell = (names, label, ...children) => {
      return element("td", { role: "cell", class: names, "data-label": label }, ...children);
    };
    const dot = element("i", { "aria-hidden": "true" });
    const row = element(
      "tr",
      { role: "row" },
      element("th", { scope: "row", role: "rowheader" }, button),
      cell("state", "", dot, element("span"), element("div", { class: "regions soft" })),
      ...SPANS.map((span, place) => cell("figure", LABELS[place])),
      cell("took", "Response time", element("span"), trend()),
    );
    row.onclick = ({ target }) => {
      if (getSelection().type !== "Range" || button.contains(target)) this.#press(name);
    };
    return row;
  }

  #fill(row, check) {
    const { name, state, since, reason, regions, uptime, took_ms: hours } = check;
    const place = this.#chosen.get(name);
    const mark = one(".mark", row);
    one("button", row).setAttribute("aria-pressed", place !== undefined);
    write(mark, place === undefined ? "" : String(place + 1));
    if (place === undefined) delete mark.dataset.line;
    else mark.dataset.line = place;
    row.dataset.mood = MOODS[state] ?? "calm";
    const begun = since && state !== "up" ? ` since ${moment(new Date(since))}` : "";
    const why = reason ? `: ${reason.replaceAll("_", " ")}` : "";
    write(one(".state span", row), `${WORDS[state] ?? state}${begun}${why}`);
    fillRegions(one(".regions", row), regions, since);
    SPANS.forEach((span, at) => write(row.querySelectorAll(".figure")[at], percent(uptime[span])));
    const last = latest(check);
    write(one(".took span", row), last === null ? "–" : took(last));
    trend(one("svg", row), hours);
  }
}

/** Since when is said where it is not since when the check itself is so. */
function fillRegions(target, regions, whole) {
  const said = regions.slice(0, MOST_REGIONS).map(({ name, state, since }) => {
    const begun = since && state !== "up" && since !== whole ? ` since ${moment(new Date(since))}` : "";
    return [brief(name, 60), ` ${state}${begun}`];
  });
  if (regions.length > MOST_REGIONS) said.push(["", `and ${regions.length - MOST_REGIONS} more`]);
  const key = JSON.stringify(said);
  if (target.dataset.said === key) return;
  target.dataset.said = key;
  target.replaceChildren(...said.map(([name, rest]) => element("span", {}, element("bdi", {}, name), rest)));
}

/** How long it took in the last hour in which it was measured, if that is this one or the one before. */
const latest = ({ took_ms: hours }) => hours.at(-1) ?? hours.at(-2) ?? null;

function average({ took_ms: hours }) {
  const known = hours.filter((number) => number !== null);
  return known.reduce((a, b) => a + b, 0) / known.length;
}

function sumUp({ checks, total, cut }) {
  const counts = Map.groupBy(checks, ({ state }) => state);
  const wordOf = (state) => (state === "maintenance" ? "in maintenance" : state);
  const known = Object.keys(RANKS).filter((state) => counts.has(state));
  const said = known.map((state) => `${count(counts.get(state).length)} ${wordOf(state)}`);
  return said.join(", ") + (cut ? `; the first ${count(checks.length)} of ${count(total)} by name` : "");
}
