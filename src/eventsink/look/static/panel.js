// A panel: a card with a title, what it shows, and buttons for its table, its CSV and the query behind it.

import { element, one, write } from "./elements.js";
import { Figures } from "./figures.js";
import { OverTime } from "./overtime.js";
import { Ranking } from "./ranking.js";
import { Rows } from "./rows.js";
import { isEmpty } from "./series.js";

const FORMS = { figures: Figures, bars: OverTime, lines: OverTime, ranking: Ranking, table: Rows };

/** One panel of a page. */
export class Panel {
  card;
  #body;
  #form;
  #table = null; // made when it is first asked for
  #shown = "";
  #panel = null;
  #answer = null;
  #ask = null;

  /** `panel` as the sink answers it, of the page of that name. */
  constructor({ name, title, chart }, page) {
    const id = `${page}-${name}`;
    this.#body = element("div", { class: "body" });
    const tools = element("div", { class: "tools", role: "group", "aria-label": `More of ${title}` });
    const [table, csv, query] = ["Table", "CSV", "Query"].map((text) => {
      return element("button", { type: "button", "aria-label": `${text}: ${title}` }, text);
    });
    tools.append(...(chart === "table" ? [] : [table]), csv, query);
    const heading = element("h2", { id, tabindex: "-1" }, title);
    this.card = element("section", { class: "card panel", "data-chart": chart, "aria-labelledby": id });
    this.card.append(
      element("div", { class: "title" }, heading, tools),
      element("p", { class: "soft about" }),
      element("p", { class: "soft none", hidden: "" }),
      this.#body,
      element("div", { class: "other", hidden: "" }),
      element("p", { class: "notice bad", role: "alert", hidden: "" }),
      element("div", { class: "query", hidden: "" }),
    );
    this.#form = new FORMS[chart](this.#body, title);
    table.setAttribute("aria-pressed", false);
    query.setAttribute("aria-expanded", false);
    table.onclick = () => this.#toggleTable(table);
    csv.onclick = () => this.#try(csv, () => this.#save());
    query.onclick = () => this.#toggleQuery(query);
  }

  /** Shows an answer; `ask` asks more of the same panel. Gives whether anything is new. */
  show(panel, answer, ask) {
    const looks = JSON.stringify([panel, answer.since, answer.until, answer.zone, answer.every, answer.filters]);
    const asksOther = this.#ask?.question !== ask.question;
    this.#ask = ask;
    if (asksOther && !one(".query", this.card).hidden) this.#fillQuery().catch(() => {}); // who asks again is told
    if (looks === this.#shown) {
      if (panel.chart === "figures") this.#form.show(panel, answer); // their links are of the present address
      return;
    }
    [this.#shown, this.#panel, this.#answer] = [looks, panel, answer];
    write(one(".about", this.card), panel.about);
    one(".about", this.card).hidden = !panel.about;
    this.#form.show(panel, answer);
    this.#table?.show(panel, answer);
    this.#arrange();
  }

  /** What takes longer: charts. */
  async draw() {
    await this.#form.draw?.();
  }

  /** Which parts are seen. */
  #arrange() {
    const empty = this.#panel.chart !== "figures" && isEmpty(this.#panel);
    const other = this.card.dataset.shows === "table";
    const narrowed = Object.keys(this.#answer.filters).length > 0;
    write(one(".none", this.card), `Nothing in this period${narrowed ? " with these filters" : ""}.`);
    one(".none", this.card).hidden = !empty || other;
    this.#body.hidden = empty || other;
    one(".other", this.card).hidden = !other;
  }

  #toggleTable(button) {
    const wanted = this.card.dataset.shows !== "table";
    this.card.dataset.shows = wanted ? "table" : "chart";
    button.setAttribute("aria-pressed", wanted);
    const place = one(".other", this.card);
    this.#table ??= new Rows(place, this.#panel.title);
    this.#table.show(this.#panel, this.#answer);
    this.#arrange();
    if (!wanted) this.draw().catch((error) => console.error(error));
  }

  async #save() {
    const text = await this.#ask.csv();
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    element("a", { href: address, download: `${one("h2", this.card).id}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  async #toggleQuery(button) {
    const place = one(".query", this.card);
    const wanted = place.hidden;
    button.setAttribute("aria-expanded", wanted);
    if (!wanted) place.hidden = true;
    else await this.#try(button, () => this.#fillQuery());
  }

  async #fillQuery() {
    const { query } = await this.#ask.whole();
    const about = { tabindex: "0", role: "region", "aria-label": `The query behind it: ${this.#panel.title}` };
    one(".query", this.card).replaceChildren(element("pre", about, query));
    one(".query", this.card).hidden = false;
  }

  /** What cannot be had is said in the panel. */
  async #try(button, work) {
    const error = one("[role=alert]", this.card);
    error.hidden = true;
    button.setAttribute("aria-busy", true);
    try {
      await work();
    } catch (problem) {
      write(error, problem.message);
      error.hidden = false;
    } finally {
      button.removeAttribute("aria-busy");
    }
  }
}
