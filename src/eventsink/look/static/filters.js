// Filters: what is active, each with a button that takes it away, and a form that adds one.

import { change, read } from "./address.js";
import { arrange, element, one, visible, write } from "./elements.js";
import { brief } from "./format.js";
import { nameOf } from "./names.js";

const LONGEST = 60; // letters of a value

/** The columns that can be filtered by, with what they are called. */
export const FILTERS = new Map([
  ["space", "Space"],
  ["dataset", "Dataset"],
  ["collection", "Collection"],
  ["resource", "Resource"],
  ["resource_type", "Kind of resource"],
  ["user", "User"],
  ["extractor", "Extractor"],
  ["source", "Source"],
  ["type", "Event type"],
  ["country", "Country"],
  ["device", "Device"],
  ["browser", "Browser"],
  ["status", "Status"],
  ["mime_type", "Kind of file"],
  ["route", "Route"],
  ["method", "Method"],
  ["page", "Page"],
  ["referrer", "Site"],
  ["identity", "Identity"],
  ["access_method", "Access"],
]);

/** The list of them and its form. */
export class Filters {
  #form = one("#filter-form");
  #more = one("#filter-more");

  constructor() {
    one("select", this.#form).append(...[...FILTERS].map(([value, name]) => element("option", { value }, name)));
    this.#more.onclick = () => this.#open(this.#form.hidden);
    this.#form.onkeydown = ({ key }) => {
      if (key === "Escape") this.#open(false);
    };
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      const { column, value } = Object.fromEntries(new FormData(this.#form));
      if (!value.trim()) return;
      this.#open(false);
      change({ filters: [...without([column, value.trim()]), [column, value.trim()]] });
    };
  }

  /** Shows those of a view. */
  show({ filters }) {
    const list = one("#filters");
    arrange(list, filters, (pair) => JSON.stringify(pair), newChip, (item, [column, value]) => {
      const name = brief(nameOf(column, value), LONGEST);
      write(one("bdi", item), name);
      one("bdi", item).title = visible(value);
      one("button", item).setAttribute("aria-label", visible(`Remove filter ${titleOf(column)}: ${name}`));
    });
    list.hidden = filters.length === 0;
  }

  #open(wanted) {
    this.#form.hidden = !wanted;
    this.#more.setAttribute("aria-expanded", wanted);
    if (wanted) one("select", this.#form).focus();
    else {
      this.#form.reset();
      this.#more.focus();
    }
  }
}

/** What somebody typed into the address may be no column: the sink says so. */
const titleOf = (column) => FILTERS.get(column) ?? brief(column, LONGEST);

const without = ([column, value]) => read().filters.filter(([one, other]) => one !== column || other !== value);

function newChip([column, value]) {
  const remove = element("button", { type: "button" }, "✕");
  remove.onclick = () => {
    change({ filters: without([column, value]) });
    (one("#filters button") ?? one("#filter-more")).focus();
  };
  return element("li", {}, element("span", { class: "soft" }, titleOf(column)), element("bdi"), remove);
}
