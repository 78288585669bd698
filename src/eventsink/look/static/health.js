// The outside world: what is not well, who is told of it, and every check. Asks, and hands the answers on to be shown.

import { Alerts } from "./alerts.js";
import { Checks } from "./checks.js";
import { element, one } from "./elements.js";
import { showChannels, showQuiet } from "./quiet.js";
import { Away } from "./sink.js";

/** The health part of the page. */
export class Health {
  #alerts = new Alerts(one("#alerts"));
  #checks = new Checks();
  #known = { alerts: false, checks: false }; // whether there is anything to show
  #asked = false; // whether there are checks is known
  #troubles = new Map();

  /** Looks at a sink: gives the work that is to be done again and again, soon and later. */
  begin(sink) {
    const seen = { asked: 0, shown: 0, admin: null };
    this.#troubles.clear();
    this.#alerts.clear();
    return {
      soon: () => this.#bear("alerts", () => this.#lookAtAlerts(sink, seen)),
      later: () => this.#bear("checks", () => this.#lookAtChecks(sink)),
    };
  }

  async #lookAtAlerts(sink, seen) {
    seen.admin ??= (await sink.ask("/v1/key")).scopes.includes("admin");
    seen.asked += 1;
    const turn = seen.asked;
    const answer = await sink.ask("/v1/alerts");
    if (turn < seen.shown || sink.signal.aborted) return; // it was asked anew meanwhile
    seen.shown = turn;
    const act = seen.admin ? (...command) => this.#act(sink, seen, command) : null;
    this.#known.alerts = answer.alerts.length + answer.quiet.length > 0;
    this.#alerts.show(answer, act);
    showQuiet(answer.quiet, act);
    showChannels(answer.channels);
  }

  async #lookAtChecks(sink) {
    const answer = await sink.ask("/v1/health");
    if (sink.signal.aborted) return;
    this.#known.checks = answer.checks.length > 0;
    this.#asked = true;
    this.#checks.show(answer);
    this.#show();
    await this.#checks.draw();
  }

  /** Has something done, and shows at once what came of it. */
  async #act(sink, seen, command) {
    const done = await sink.tell(...command);
    await this.#bear("alerts", () => this.#lookAtAlerts(sink, seen)).catch(() => {}); // the next look says why
    return done;
  }

  /** What the sink cannot say of this part alone is told here; the rest of the page is as good as ever. */
  async #bear(name, work) {
    try {
      await work();
      this.#troubles.delete(name);
    } catch (error) {
      if (!(error instanceof Away) || error.cause) throw error;
      this.#troubles.set(name, error.message);
    } finally {
      this.#show();
    }
  }

  #show() {
    const sentences = [...new Set(this.#troubles.values())];
    const list = one("#health-troubles");
    if (list.dataset.said !== sentences.join()) {
      list.dataset.said = sentences.join();
      list.replaceChildren(...sentences.map((sentence) => element("li", { class: "notice warn" }, sentence)));
    }
    const anything = this.#known.alerts || this.#known.checks || sentences.length;
    one("#health").hidden = !anything;
    one("#unchecked").hidden = Boolean(anything) || !this.#asked;
  }
}
