// The bar above the panels: of when, compared with what, by whose clocks.

import { COMPARISONS, PERIODS, change, ownZone } from "./address.js";
import { element, one, write } from "./elements.js";
import { dayOf, inWords } from "./spells.js";

/** It, without the filters. */
export class Bar {
  #dates = one("#dates");

  constructor() {
    one("#periods").append(...[...PERIODS].map(([value, text]) => newPeriod(value, text)));
    fillSelect(one("#compare"), [...COMPARISONS], (compare) => change({ compare }));
    // On a narrow screen what is wanted less often is folded away.
    one("#more").onclick = ({ target }) => target.setAttribute("aria-expanded", one("#bar").classList.toggle("open"));
    this.#dates.onsubmit = (event) => {
      event.preventDefault();
      change(Object.fromEntries(new FormData(this.#dates)));
    };
    this.#dates.oninput = () => {
      this.#dates.elements.until.setCustomValidity(this.#inOrder() ? "" : "It ends before it begins.");
    };
    const zones = [...new Set([ownZone(), "UTC", ...Intl.supportedValuesOf("timeZone")])];
    const named = zones.map((zone) => [zone, zone.replaceAll("_", " ")]);
    fillSelect(one("#zone"), named, (zone) => change({ zone: zone === ownZone() ? "" : zone }));
  }

  /** Shows what a view is of. */
  show({ period, since, until, compare, zone }) {
    for (const button of one("#periods").children) {
      button.setAttribute("aria-pressed", !since && !until && button.value === period);
    }
    one("#compare").value = compare;
    const [select, wanted] = [one("#zone"), zone || ownZone()];
    select.value = wanted;
    if (select.value === wanted) return;
    select.append(element("option", { value: wanted }, wanted)); // one that this browser has under another name
    select.value = wanted;
  }

  /** Says what an answer is of; the fields of dates follow, but not while somebody writes in them. */
  answered({ since, until, zone, every, compared_with: before, first }) {
    const compared = before ? `, compared with ${inWords(before.since, before.until, { zone, every })}` : "";
    const early = first && Date.parse(first) > Date.parse((before ?? { since }).since);
    const begin = early ? `. The first event is of ${dayOf(new Date(first), zone)}.` : "";
    write(one("#spoken"), `${inWords(since, until, { zone, every })}${compared}${begin}`);
    if (this.#dates.contains(document.activeElement)) return;
    this.#dates.elements.since.value = dayOf(new Date(since), zone);
    this.#dates.elements.until.value = dayOf(new Date(Date.parse(until) - 1), zone);
  }

  #inOrder() {
    const { since, until } = this.#dates.elements;
    return !since.value || !until.value || since.value <= until.value;
  }
}

function newPeriod(value, text) {
  const button = element("button", { type: "button", value }, text);
  button.onclick = () => change({ period: value, since: "", until: "" });
  return button;
}

function fillSelect(select, options, choose) {
  select.append(...options.map(([value, text]) => element("option", { value }, text)));
  select.onchange = () => choose(select.value);
}
