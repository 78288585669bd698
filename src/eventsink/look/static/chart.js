// The chart: stacked bars by Plotly, and a legend that is also the table of its numbers.

import { colours, component, inOrder } from "./colours.js";
import { element, one, write } from "./elements.js";
import { count } from "./format.js";
import { isDark, onChange, plotly, react, roomOf, style } from "./plotting.js";
import { RANGES, fill, inUtc } from "./spans.js";
import { Tip } from "./tip.js";

const STEPS = [1, 2, 3, 5, 6, 10, 12, 15, 20, 30]; // one interval in so many gets a label
const MOST = 30; // types that are told apart; custom ones are anybody's

/** The chart of the page. */
export class Chart {
  #plot = one("#plot");
  #legend = one("#legend");
  #tip = new Tip(this.#plot);
  #hidden = new Set();
  #shown = null;
  #types = new Set();

  constructor() {
    onChange(this.#plot, () => this.#draw());
  }

  /** Tells it the types of the catalogue, so that their colours are the same at each visit. */
  know(types) {
    for (const type of types) this.#types.add(type);
  }

  /** Shows points of the sink in the intervals of a range. */
  show(points, spans, range) {
    const counts = fold(fill(points, spans));
    this.know(counts.keys());
    this.#shown = { counts, spans, range };
    return this.#draw();
  }

  async #draw() {
    if (!this.#shown) return;
    const { counts, spans, range } = this.#shown;
    const palette = colours(this.#types, isDark());
    const types = inOrder(counts.keys());
    this.#list(types, counts, palette);
    write(one("#chart-caption"), caption(types, counts, range));
    try {
      await plotly();
    } catch (error) {
      write(one("p", this.#plot) ?? this.#plot, error.message);
      return;
    }
    const traces = types.map((type) => this.#trace(type, counts.get(type), spans, palette.get(type)));
    await react(this.#plot, traces.length ? traces : [empty(spans)], spans.length, this.#layout(spans, counts));
    this.#tip.tell(spans.length, (place) => ({ name: spans[place].name, rows: this.#rows(place, types, counts, palette) }));
  }

  #trace(type, numbers, spans, colour) {
    return {
      type: "bar",
      name: type,
      x: spans.map((span) => span.name),
      y: numbers,
      visible: !this.#hidden.has(type),
      marker: { color: colour, line: { color: style("--card"), width: 0.5 } },
    };
  }

  #layout(spans, counts) {
    const every = STEPS.find((step) => spans.length / step <= roomOf(this.#plot)) ?? spans.length;
    const marked = spans.filter((span) => span.rank % every === 0);
    const shown = [...counts].filter(([type]) => !this.#hidden.has(type)).map(([, numbers]) => numbers);
    const highest = Math.max(0, ...spans.map((_, place) => sum(shown.map((numbers) => numbers[place]))));
    return {
      barmode: "stack",
      bargap: 0.18,
      xaxis: {
        type: "category",
        tickvals: marked.map((span) => span.name),
        ticktext: marked.map((span) => span.tick),
      },
      yaxis: {
        tickformat: ",d",
        range: [0, Math.max(4, highest * 1.05)],
        ...(highest <= 5 ? { dtick: 1 } : { nticks: 6 }),
      },
    };
  }

  /** What an interval holds, in the order in which it is stacked. */
  #rows(place, types, counts, palette) {
    return types
      .map((type) => ({ type, number: counts.get(type)[place], colour: palette.get(type) }))
      .filter(({ type, number }) => number && !this.#hidden.has(type))
      .reverse();
  }

  #list(types, counts, palette) {
    const families = [...Map.groupBy(types, component)];
    const seen = JSON.stringify([types, types.map((type) => palette.get(type))]);
    if (this.#legend.dataset.seen !== seen) {
      this.#legend.dataset.seen = seen;
      this.#legend.replaceChildren(...families.map(([name, members]) => this.#family(name, members, palette)));
    }
    types.forEach((type, place) => {
      write(one("b", this.#legend.querySelectorAll("button")[place]), count(sum(counts.get(type))));
    });
  }

  #family(name, members, palette) {
    const buttons = members.map((type) => this.#button(type, palette.get(type)));
    return element("div", { role: "group", "aria-label": name }, element("h3", {}, name), ...buttons);
  }

  #button(type, colour) {
    const swatch = element("i", { style: `background:${colour}`, "aria-hidden": "true" });
    const name = element("span", {}, type.slice(component(type).length + 1) || type);
    const made = element("button", { type: "button", title: type, "aria-pressed": !this.#hidden.has(type) });
    made.append(swatch, name, " ", element("b"));
    made.onclick = () => {
      if (!this.#hidden.delete(type)) this.#hidden.add(type);
      made.setAttribute("aria-pressed", !this.#hidden.has(type));
      this.#draw();
    };
    return made;
  }
}

function caption(types, counts, range) {
  const events = sum(types.flatMap((type) => counts.get(type)));
  const { said, bar } = RANGES[range];
  if (events === 0) return `No events in ${said}.`;
  return `${events === 1 ? "One event" : `${count(events)} events`} in ${said}. A bar is ${bar}${inUtc(range) ? " of UTC" : ""}.`;
}

/** The most frequent types as they are, all others as one. */
function fold(counts) {
  if (counts.size <= MOST) return counts;
  const ranked = [...counts].sort(([, a], [, b]) => sum(b) - sum(a));
  const rest = ranked.slice(MOST - 1).map(([, numbers]) => numbers);
  const others = rest[0].map((_, place) => sum(rest.map((numbers) => numbers[place])));
  return new Map([...ranked.slice(0, MOST - 1), [`other.${rest.length} other types`, others]]);
}

/** What Plotly needs to draw the axes of an empty chart. */
function empty(spans) {
  return { type: "bar", x: spans.map((span) => span.name), y: spans.map(() => 0) };
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
