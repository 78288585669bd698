// The chart: stacked bars by Plotly, and a legend that is also the table of its numbers.

import { colours, component, inOrder } from "./colours.js";
import { element, one, write } from "./elements.js";
import { count } from "./format.js";
import { RANGES, fill, inUtc } from "./spans.js";
import { Tip } from "./tip.js";

const TICK = 64; // pixels that a label of the time axis needs
const STEPS = [1, 2, 3, 5, 6, 10, 12, 15, 20, 30]; // one interval in so many gets a label
const MOST = 30; // types that are told apart; custom ones are anybody's
const CONFIG = { displayModeBar: false, displaylogo: false, doubleClick: false, showTips: false, showAxisDragHandles: false };

const dark = matchMedia("(prefers-color-scheme: dark)");

/** The chart of the page. */
export class Chart {
  #plot = one("#plot");
  #legend = one("#legend");
  #tip = new Tip(this.#plot);
  #hidden = new Set();
  #shown = null;
  #types = new Set();

  constructor() {
    dark.onchange = () => this.#draw();
    new ResizeObserver(() => this.#draw()).observe(this.#plot.parentElement);
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
    const palette = colours(this.#types, dark.matches);
    const types = inOrder(counts.keys());
    this.#list(types, counts, palette);
    write(one("#chart-caption"), caption(types, counts, range));
    try {
      await plotly();
    } catch (error) {
      write(one("p", this.#plot) ?? this.#plot, error.message);
      return;
    }
    if (!this.#plot.classList.contains("js-plotly-plot")) this.#plot.replaceChildren();
    const traces = types.map((type) => this.#trace(type, counts.get(type), spans, palette.get(type)));
    await window.Plotly.react(this.#plot, traces.length ? traces : [empty(spans)], this.#layout(spans, counts), CONFIG);
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
    const room = Math.max(2, (this.#plot.clientWidth - 60) / TICK);
    const every = STEPS.find((step) => spans.length / step <= room) ?? spans.length;
    const marked = spans.filter((span) => span.rank % every === 0);
    const shown = [...counts].filter(([type]) => !this.#hidden.has(type)).map(([, numbers]) => numbers);
    const highest = Math.max(0, ...spans.map((_, place) => sum(shown.map((numbers) => numbers[place]))));
    const axis = { color: style("--soft"), fixedrange: true, zeroline: false, automargin: true };
    return {
      width: this.#plot.clientWidth,
      height: this.#plot.clientHeight,
      barmode: "stack",
      bargap: 0.18,
      hovermode: false,
      showlegend: false,
      margin: { l: 40, r: 4, t: 8, b: 28 },
      paper_bgcolor: "transparent",
      plot_bgcolor: "transparent",
      font: { family: "system-ui, sans-serif", size: 12, color: style("--ink") },
      xaxis: {
        ...axis,
        type: "category",
        range: [-0.5, spans.length - 0.5],
        tickvals: marked.map((span) => span.name),
        ticktext: marked.map((span) => span.tick),
        tickangle: 0,
        showgrid: false,
        linecolor: style("--line"),
      },
      yaxis: {
        ...axis,
        tickformat: ",d",
        range: [0, Math.max(4, highest * 1.05)],
        gridcolor: style("--line"),
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

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

let loading;

/** Loads Plotly, once: it is large, and the rest of the page does not wait for it. */
function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = element("script", { src: "/static/plotly.js" });
    script.onload = resolve;
    script.onerror = () => {
      loading = undefined;
      script.remove();
      reject(new Error("The chart could not be loaded."));
    };
    document.head.append(script);
  });
  return loading;
}
