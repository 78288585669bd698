// The chart of response times: a line for each chosen check, and a list that is also the table of its numbers.

import { lineColour } from "./colours.js";
import { arrange, element, one, write } from "./elements.js";
import { brief, took } from "./format.js";
import { isDark, onChange, plotly, react, roomOf } from "./plotting.js";
import { hoursFrom } from "./spans.js";
import { Tip } from "./tip.js";

export const MOST_LINES = 8;

const STEPS = [3, 6, 12, 24]; // hours between two labels
const LONGEST = 60; // letters of a name

/** It, with its list. */
export class TookChart {
  #plot = one("#took");
  #tip = new Tip(this.#plot, { say: took, none: "Not measured" });
  #shown = null;

  constructor() {
    onChange(this.#plot, () => this.#draw());
  }

  /** Shows lines `{name, place, numbers}` of milliseconds or null by the hour; `measured`: whether there can be any. */
  show(lines, from, measured) {
    one("#took-part").hidden = !measured;
    this.#shown = measured ? { lines, from } : null;
    return this.#draw();
  }

  async #draw() {
    if (!this.#shown) return;
    const { lines, from } = this.#shown;
    const hours = hoursFrom(from, 49);
    const colours = new Map(lines.map(({ place }) => [place, lineColour(place, isDark())]));
    for (const [place, colour] of colours) document.documentElement.style.setProperty(`--line-${place}`, colour);
    this.#list(lines);
    write(one("#took-caption"), caption(lines));
    try {
      await plotly();
    } catch (error) {
      write(one("p", this.#plot) ?? this.#plot, error.message);
      return;
    }
    const traces = lines.map((line) => trace(line, colours.get(line.place), hours));
    await react(this.#plot, traces.length ? traces : [{ x: [], y: [] }], hours.length, this.#layout(lines, hours));
    const rowOf = ({ name, place, numbers }, at) => {
      return { type: `${place + 1} ${brief(name, LONGEST)}`, number: numbers[at], colour: colours.get(place) };
    };
    this.#tip.tell(hours.length, (place) => ({
      name: hours[place].name,
      rows: lines
        .filter(({ numbers }) => numbers[place] !== null)
        .sort((a, b) => b.numbers[place] - a.numbers[place])
        .map((line) => rowOf(line, place)),
    }));
  }

  #layout(lines, hours) {
    const every = STEPS.find((step) => hours.length / step <= roomOf(this.#plot)) ?? STEPS.at(-1);
    const places = [...hours.keys()].filter((place) => hours[place].rank % every === 0);
    const highest = Math.max(0, ...lines.flatMap(({ numbers }) => numbers));
    return {
      margin: { l: 56, r: 18, t: 8, b: 28 },
      xaxis: { tickvals: places, ticktext: places.map((place) => hours[place].tick) },
      yaxis: { range: [0, highest * 1.08 || 1], nticks: 5, ticksuffix: " ms", tickformat: ",.4~r" },
    };
  }

  #list(lines) {
    arrange(one("#took-list"), lines, ({ name }) => name, newLine, fillLine);
  }
}

function fillLine(item, { place, numbers }) {
  const known = numbers.filter((number) => number !== null);
  one(".mark", item).dataset.line = place;
  write(one(".mark", item), String(place + 1));
  const mean = known.reduce((a, b) => a + b, 0) / known.length;
  const said = known.length ? `${took(mean)} on average, up to ${took(Math.max(...known))}` : "not measured";
  write(one("span", item), said);
}

function newLine({ name }) {
  const mark = element("i", { class: "mark" });
  const short = element("bdi", { title: name }, brief(name, LONGEST));
  return element("li", {}, mark, " ", short, ": ", element("span", { class: "soft" }));
}

/** Its number stands at its end, so that it is known without its colour. */
function trace({ place, numbers }, colour, hours) {
  const end = numbers.findLastIndex((number) => number !== null);
  return {
    type: "scatter",
    mode: "lines+markers+text",
    x: hours.map((_, at) => at),
    y: numbers,
    text: numbers.map((_, at) => (at === end ? ` ${place + 1}` : "")),
    textposition: "middle right",
    textfont: { color: colour, size: 11 },
    cliponaxis: false,
    connectgaps: false,
    line: { color: colour, width: 1.8, dash: place % 2 ? "4px,2px" : "solid" },
    marker: { color: colour, size: 3.5 },
  };
}

function caption(lines) {
  const how = "Press a check above to show or hide it";
  if (!lines.length) return `${how}.`;
  return `The average of each hour, of the last 48. ${how}; up to ${MOST_LINES} at once.`;
}
