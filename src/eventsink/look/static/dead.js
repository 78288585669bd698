// Dead letters: what no destination took, why, and a button that has it tried again, for those whose key may.

import { arrange, element, one, visible, write } from "./elements.js";
import { brief, count, moment } from "./format.js";

const MOST = 50; // that are listed
const LONGEST = 300; // letters of a reason
const CELLS = [["Type"], ["Reason", "reason"], ["Tries", "figure"], ["Last time"], ["Id"]]; // after the worker

/** Those of one sink. `look` is the work to be done again and again. */
export class DeadLetters {
  #sink;
  #admin = null;
  #dead = new Map(); // number by worker

  constructor(sink) {
    this.#sink = sink;
    // What a look before has left belongs to another key, or to a page that was left.
    for (const name of ["#dead tbody", "#dead-all", "#dead-said"]) one(name).replaceChildren();
  }

  /** Takes the numbers out of an answer of /v1/status. */
  count({ workers }) {
    const found = Object.entries(workers).map(([name, account]) => [name, account.dead - account.dropped]);
    this.#dead = new Map(found.filter(([, number]) => number > 0));
    const all = [...this.#dead.values()].reduce((a, b) => a + b, 0);
    write(one("#dead-sum"), all ? `${count(all)} in all` : none(Object.values(workers)));
    return all;
  }

  /** Asks for them; a key that may not is told another way. */
  async look() {
    this.#admin ??= (await this.#sink.ask("/v1/key")).scopes.includes("admin");
    const all = this.count(await this.#sink.ask("/v1/status"));
    const letters = all && this.#admin ? (await this.#sink.ask("/v1/dead", { limit: MOST })).dead : [];
    if (this.#sink.signal.aborted) return;
    one("#dead-how").hidden = !all || this.#admin;
    this.#showButtons(this.#admin ? [...this.#dead] : []);
    this.#showLetters(letters);
    const more = letters.length ? all - letters.length : 0;
    write(one("#dead-more"), more > 0 ? `… and ${count(more)} more: eventsink dead list shows all.` : "");
  }

  #showButtons(workers) {
    const make = ([name]) => this.#button(`Retry all of ${brief(name, 60)}`, { worker: name });
    arrange(one("#dead-all"), workers, ([name]) => name, make, () => {});
    one("#dead-all").hidden = workers.length === 0;
  }

  #showLetters(letters) {
    one("#dead").hidden = letters.length === 0;
    arrange(one("#dead tbody"), letters, ({ id }) => String(id), (letter) => this.#row(letter), fillRow);
  }

  #row({ id }) {
    const cells = CELLS.map(([label, name]) => element("td", { role: "cell", "data-label": label, class: name }));
    const button = this.#button("Retry", { ids: [id] });
    button.setAttribute("aria-label", `Retry dead letter ${id}`);
    cells.push(element("td", { role: "cell" }, button));
    return element("tr", { role: "row" }, element("th", { scope: "row", role: "rowheader" }), ...cells);
  }

  #button(text, selection) {
    const button = element("button", { type: "button" }, text);
    button.onclick = () => this.#retry(button, selection);
    return button;
  }

  /** It may be refused once more: then it comes back, with the reason. */
  async #retry(button, selection) {
    button.disabled = true;
    try {
      const { retried } = await this.#sink.tell("POST", "/v1/dead/retry", selection);
      const what = retried === 1 ? "One dead letter is" : `${count(retried)} dead letters are`;
      const said = `${what} delivered again. What is refused once more comes back here.`;
      write(one("#dead-said"), retried ? said : "It was gone already.");
      await this.look().catch(() => {}); // the next look says why
      if (!button.isConnected || button.disabled) one("#dead-title").focus({ preventScroll: true });
    } catch (problem) {
      write(one("#dead-said"), problem.message);
    } finally {
      button.disabled = false;
    }
  }
}

/** Why there is none: what somebody has thrown away, and what still waits or is missing, no destination took. */
function none(accounts) {
  const dropped = accounts.reduce((sum, account) => sum + account.dropped, 0);
  if (dropped) return `None: ${count(dropped)} ${dropped === 1 ? "was" : "were"} thrown away.`;
  return accounts.some(({ waiting, missing }) => waiting || missing) ? "None." : "None: every event was taken.";
}

function fillRow(row, { worker, reason, attempts, last_seen: last, body }) {
  const { type = "–", id = "–" } = body ?? {};
  const texts = [worker, type, brief(reason, LONGEST), count(attempts), moment(new Date(last)), brief(String(id), 60)];
  texts.forEach((text, place) => write(row.children[place], text));
  row.children[2].title = reason.length > LONGEST ? visible(reason) : "";
  row.children[4].title = visible(last);
}
