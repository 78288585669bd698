// A panel over time: stacked bars or lines by Plotly, with a legend of what they are and how much it was.

import { change, narrow } from "./address.js";
import { seriesColour } from "./colours.js";
import { arrange, element, one, visible, write } from "./elements.js";
import { brief } from "./format.js";
import { isGroup } from "./names.js";
import { isDark, onChange, plotly, react, roomOf, style } from "./plotting.js";
import { isEmpty, seriesOf } from "./series.js";
import { spellsOf } from "./spells.js";
import { Tip } from "./tip.js";
import { marks, said } from "./units.js";

const LONGEST = 60; // letters of a name
const COLOURS = 8; // that there are
const STEPS = { hour: [1, 2, 3, 6, 12, 24], other: [1, 2, 3, 5, 7, 10, 14, 20, 30] }; // one in so many has a mark

/** The chart of one panel. */
export class OverTime {
  #plot;
  #legend;
  #tip;
  #shown = null;
  #drawn = "";
  #places = new Map(); // of series among the colours: they keep theirs, also when others overtake them

  constructor(body, title) {
    this.#plot = newPlot(title);
    this.#legend = element("ul", { class: "plain legend" });
    const column = element("div", { class: "column", hidden: "" });
    const tip = element("div", { class: "tip", "aria-hidden": "true", hidden: "" });
    body.append(element("div", { class: "chart" }, this.#plot, column, tip), this.#legend);
    this.#tip = new Tip(this.#plot, { none: "Nothing", choose: (place) => this.#zoom(place) });
    onChange(this.#plot, () => this.draw().catch((error) => console.error(error)));
  }

  /** Shows what can be read; the chart itself is drawn by `draw`. */
  show(panel, answer) {
    const { times, series } = seriesOf(panel);
    this.#colourAll(series.map(({ key }) => key));
    const { every } = answer;
    this.#shown = { kind: panel.chart, spells: spellsOf(times, answer), series, every, empty: isEmpty(panel) };
    this.#list();
    return this;
  }

  /** Draws it, once Plotly is there; not again where it would look the same. */
  async draw() {
    if (!this.#shown || this.#shown.empty || !this.#plot.isConnected || !this.#plot.clientWidth) return;
    try {
      await plotly();
    } catch (error) {
      write(one("p", this.#plot) ?? this.#plot, error.message);
      return;
    }
    const { kind, spells, series } = this.#shown;
    this.#list();
    const looks = JSON.stringify([kind, spells, series, isDark(), this.#plot.clientWidth, this.#plot.clientHeight]);
    if (looks === this.#drawn) return;
    this.#drawn = looks;
    const units = [...new Set(series.map(({ unit }) => unit))];
    const traces = series.map((line, place) => this.#trace(line, place, kind, units.indexOf(line.unit)));
    await react(this.#plot, traces, spells.length, this.#layout(kind, spells, series, units));
    this.#tip.tell(spells.length, (place) => ({ name: spells[place].name, rows: this.#rows(place, kind, series) }));
  }

  /** New ones get the next colours; when two would look the same, all get colours anew. */
  #colourAll(keys) {
    for (const key of keys) if (!this.#places.has(key)) this.#places.set(key, this.#places.size);
    const taken = new Set(keys.map((key) => this.#places.get(key) % COLOURS));
    if (taken.size < Math.min(keys.length, COLOURS)) this.#places = new Map(keys.map((key, place) => [key, place]));
  }

  #colour({ key, value }) {
    return seriesColour(key, this.#places.get(key), isDark(), value === null || isGroup(value));
  }

  #trace(series, place, kind, axis) {
    const { title, numbers, below } = series;
    const colour = this.#colour(series);
    const heights = below ? numbers.map((number) => -number) : numbers;
    const common = { name: title, x: numbers.map((_, at) => at), y: heights, yaxis: axis ? "y2" : "y" };
    if (kind === "bars") {
      return { type: "bar", ...common, marker: { color: colour, line: { color: style("--card"), width: 0.5 } } };
    }
    const mode = numbers.length > 60 ? "lines" : "lines+markers";
    const line = { color: colour, width: 2, dash: place % 2 ? "5px,3px" : "solid" };
    return { type: "scatter", mode, ...common, line, marker: { color: colour, size: 4 } };
  }

  #layout(kind, spells, series, units) {
    const steps = STEPS[this.#shown.every] ?? STEPS.other;
    const every = steps.find((step) => spells.length / step <= roomOf(this.#plot)) ?? steps.at(-1);
    const places = [...spells.keys()].filter((place) => spells[place].rank % every === 0);
    const [first, second] = units.map((unit) => axisOf(kind, spells, series.filter((line) => line.unit === unit), unit));
    const right = { overlaying: "y", side: "right", showgrid: false, fixedrange: true, color: style("--soft") };
    return {
      barmode: "relative",
      bargap: 0.22,
      margin: { l: 44, r: second ? 44 : 10, t: 8, b: 28 },
      xaxis: { tickvals: places, ticktext: places.map((place) => spells[place].tick) },
      yaxis: first,
      ...(second && { yaxis2: { ...second, ...right } }),
    };
  }

  /** What an interval holds; of bars in the order in which they stand, of lines from the highest down. */
  #rows(place, kind, series) {
    const [above, below] = [false, true].map((side) => series.filter((line) => line.below === side));
    const rows = [...below, ...above]
      .filter(({ numbers }) => numbers[place])
      .map((line) => {
        const number = line.numbers[place];
        return { type: brief(line.title, LONGEST), number, said: said(number, line.unit), colour: this.#colour(line) };
      });
    return kind === "bars" ? rows.reverse() : rows.sort((a, b) => b.number - a.number);
  }

  #zoom(place) {
    const { since, until } = this.#shown.spells[place];
    change({ since, until });
  }

  #list() {
    const { kind, series } = this.#shown;
    arrange(this.#legend, series, ({ key }) => key, newEntry, (item, line) => {
      one("i", item).style.background = this.#colour(line);
      write(one("bdi", item), brief(line.title, LONGEST));
      one("bdi", item).title = visible(line.value ?? "");
      const sum = line.numbers.reduce((a, b) => a + b, 0);
      write(one("b", item), kind === "bars" ? said(sum, line.unit) : "");
    });
  }
}

function newPlot(title) {
  const plot = element("div", {
    class: "plot",
    role: "slider",
    tabindex: "0",
    "aria-label": `Interval of ${title}`,
    "aria-description": "Arrow keys walk through it, Enter shows one alone.",
    "aria-valuemin": 0,
    "aria-valuemax": 0,
    "aria-valuenow": 0,
  });
  plot.append(element("p", { class: "soft" }, "Loading the chart …"));
  return plot;
}

/** One that stands for a group is a button that shows it alone. */
function newEntry({ column, value }) {
  const parts = [element("i", { "aria-hidden": "true" }), element("bdi"), " ", element("b")];
  if (!column || !isGroup(value)) return element("li", {}, element("span", {}, ...parts));
  const button = element("button", { type: "button" }, ...parts);
  button.onclick = () => narrow([[column, value]]);
  return element("li", {}, button);
}

function axisOf(kind, spells, series, unit) {
  const highest = (lines) => {
    const heights = spells.map((_, place) => {
      const numbers = lines.map(({ numbers }) => numbers[place] ?? 0);
      return kind === "bars" ? numbers.reduce((a, b) => a + b, 0) : Math.max(0, ...numbers);
    });
    return Math.max(0, ...heights);
  };
  const deepest = highest(series.filter(({ below }) => below));
  const { values, texts, top, bottom } = marks(highest(series.filter(({ below }) => !below)), unit, deepest);
  return { range: [bottom, top], tickvals: values, ticktext: texts, zeroline: false };
}
