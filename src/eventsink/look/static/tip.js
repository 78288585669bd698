// What is in one interval of the chart: the one under the pointer, or that the arrow keys have walked to.

import { element, one, visible } from "./elements.js";
import { count } from "./format.js";

const MOVES = { ArrowLeft: -1, ArrowRight: 1, PageUp: -6, PageDown: 6, Home: -Infinity, End: Infinity };

/** Beside the plot in the page stand a `.column` to light up and a `.tip` to write in. */
export class Tip {
  #plot;
  #write;
  #none;
  #choose;
  #about = () => null;
  #last = 0;
  #place = null;

  /**
   * `say` writes a number, `none` says that there is nothing in an interval, `choose` is told of one that was clicked
   * on, or on which Enter was pressed. A finger only looks: it has no other way to.
   */
  constructor(plot, { say = count, none = "No events", choose = () => {} } = {}) {
    this.#plot = plot;
    [this.#write, this.#none, this.#choose] = [say, none, choose];
    plot.onclick = ({ clientX, pointerType }) => {
      const place = this.#under(clientX);
      if (place !== null && pointerType !== "touch") this.#choose(place);
    };
    plot.onpointermove = (event) => this.#show(this.#under(event.clientX));
    plot.onpointerdown = plot.onpointermove;
    plot.onpointerleave = () => this.#show(null);
    plot.onblur = plot.onpointerleave;
    plot.onkeydown = (event) => this.#walk(event);
  }

  /**
   * From now on the chart has so many intervals; `about` gives `{name, rows: [{type, number, colour}]}` of one, with
   * `said` in a row where its number is not like the others.
   */
  tell(length, about) {
    [this.#about, this.#last] = [about, length - 1];
    this.#plot.setAttribute("aria-valuemax", this.#last);
    if (this.#place !== null) this.#show(Math.min(this.#place, this.#last));
    else this.#say(this.#last);
  }

  /** The part of the page where the bars are. */
  #area() {
    return one(".nsewdrag", this.#plot)?.getBoundingClientRect();
  }

  #under(x) {
    const area = this.#area();
    if (!area || x < area.left || x >= area.right) return null;
    return Math.floor(((x - area.left) / area.width) * (this.#last + 1));
  }

  #walk(event) {
    if (event.key === "Escape") this.#show(null);
    if (event.key === "Enter" && this.#place !== null) this.#choose(this.#place);
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    const from = this.#place ?? this.#last + (MOVES[event.key] < 0 ? 1 : 0);
    this.#show(Math.min(this.#last, Math.max(0, from + MOVES[event.key])));
  }

  #show(place) {
    this.#place = place;
    const [tip, column] = [".tip", ".column"].map((name) => one(name, this.#plot.parentElement));
    const area = this.#area();
    tip.hidden = column.hidden = place === null || !area;
    if (tip.hidden) return;
    const { name, rows } = this.#say(place);
    tip.replaceChildren(element("h3", {}, name), ...rows.map((row) => this.#line(row)), ...(rows.length ? [] : [this.#none]));
    const frame = this.#plot.parentElement.getBoundingClientRect();
    const width = area.width / (this.#last + 1);
    const left = area.left - frame.left + place * width;
    Object.assign(column.style, { left: `${left}px`, width: `${width}px`, top: `${area.top - frame.top}px`, height: `${area.height}px` });
    const fits = left + width + 8 + tip.offsetWidth <= frame.width;
    tip.style.left = `${Math.max(0, fits ? left + width + 8 : left - tip.offsetWidth - 8)}px`;
  }

  /** For those who cannot see it. */
  #say(place) {
    const { name, rows } = this.#about(place);
    const text = rows.map(({ type, number, said }) => `${type} ${said ?? this.#write(number)}`).join(", ");
    this.#plot.setAttribute("aria-valuenow", place);
    this.#plot.setAttribute("aria-valuetext", visible(`${name}: ${text || this.#none.toLowerCase()}`));
    return { name, rows };
  }

  #line({ type, number, colour, said }) {
    const swatch = element("i", { style: `background:${colour}` });
    return element("p", {}, swatch, element("span", {}, type), element("b", {}, said ?? this.#write(number)));
  }
}
