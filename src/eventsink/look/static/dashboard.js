// The pages of numbers: asks for one of them and hands its panels on to be shown.

import { PAGES, questionOf } from "./address.js";
import { Bar } from "./bar.js";
import { present } from "./clock.js";
import { arrange, one, write } from "./elements.js";
import { Filters } from "./filters.js";
import { exactly } from "./latest.js";
import { remember } from "./names.js";
import { Panel } from "./panel.js";
import { Away, Declined } from "./sink.js";

const LIVE = 10; // seconds between two looks at a period that goes on
const OVER = 60; // at one that is over, of which late events may come
const SOON = 3; // after the sink could not answer yet

/** All of them. */
export class Dashboard {
  #bar = new Bar();
  #filters = new Filters();
  #panels = new Map(); // by page and name: who comes back finds open what he had opened

  /** Looks at a page of a sink: gives the work to be done again and again, which says after how many seconds. */
  begin(sink, view) {
    const question = questionOf(view);
    const state = { told: false, sink, view, question };
    this.#bar.show(view);
    this.#filters.show(view);
    const panels = one("#panels");
    if (panels.dataset.page !== view.page) panels.replaceChildren();
    panels.dataset.page = view.page;
    panels.setAttribute("aria-busy", true);
    return (ready) => this.#look(state, ready);
  }

  async #look(state, ready) {
    const { sink, view, question } = state;
    let answer;
    try {
      answer = await sink.ask(`/v1/pages/${view.page}`, question);
    } catch (error) {
      return this.#bear(error, sink);
    }
    if (sink.signal.aborted) return LIVE;
    one("#unanswered").hidden = true;
    const shown = this.#show(answer, state);
    ready();
    if (!state.told) write(one("#told"), `${PAGES.get(view.page)}: the numbers of ${one("#spoken").textContent}`);
    state.told = true;
    await Promise.all(shown.map((panel) => panel.draw()));
    return Date.parse(answer.until) > present() ? LIVE : OVER;
  }

  #show(answer, { sink, view, question }) {
    for (const { names } of answer.panels) remember(names);
    this.#bar.answered(answer);
    this.#filters.show(view);
    const list = one("#panels");
    const focused = document.activeElement?.closest(".panel");
    const keyOf = ({ name }) => `${answer.name}/${name}`;
    const make = (panel) => this.#panel(keyOf(panel), panel, answer.name).card;
    arrange(list, answer.panels, keyOf, make, (_, panel) => {
      const path = `/v1/pages/${answer.name}/${panel.name}`;
      const whole = () => sink.ask(path, question, exactly);
      const csv = () => sink.read(path, [...question, ["format", "csv"]]);
      this.#panels.get(keyOf(panel)).show(panel, answer, { question, whole, csv });
    });
    // What was pressed may be gone, as a group that is now the only one: the next Tab goes on from its panel.
    const lost = focused?.isConnected && document.activeElement === document.body;
    if (lost) one("h2", focused).focus({ preventScroll: true });
    spread([...list.children]);
    list.setAttribute("aria-busy", false);
    return answer.panels.map((panel) => this.#panels.get(keyOf(panel)));
  }

  #panel(key, panel, page) {
    if (!this.#panels.has(key)) this.#panels.set(key, new Panel(panel, page));
    return this.#panels.get(key);
  }

  /** What the sink says it cannot answer stands above the numbers that there were. */
  #bear(error, sink) {
    const wrong = error instanceof Declined;
    if (sink.signal.aborted || !(wrong || (error instanceof Away && !error.cause))) throw error;
    write(one("#unanswered span"), error.message);
    one("#unanswered").hidden = false;
    one("#unanswered a").hidden = !wrong;
    if (wrong && one("#panels").children.length === 0) one("#panels").setAttribute("aria-busy", false); // none will come
    return wrong ? Infinity : SOON;
  }
}

/** Two panels stand side by side; one that would stand alone is as wide as two. */
function spread(cards) {
  let open = null;
  for (const [place, card] of cards.entries()) {
    const wide = ["figures", "table"].includes(card.dataset.chart) || place === 1;
    card.classList.toggle("wide", wide);
    if (wide) {
      open?.classList.add("wide");
      open = null;
    } else {
      open = open ? null : card;
    }
  }
  open?.classList.add("wide");
}
