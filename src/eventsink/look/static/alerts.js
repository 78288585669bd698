// Alerts that are not well: what it is, since when, who was told, and what a person with an admin key does about it.

import { present } from "./clock.js";
import { arrange, element, one, visible, write } from "./elements.js";
import { age, brief, count, moment } from "./format.js";
import { Inquiry } from "./inquiry.js";
import { patternOf } from "./patterns.js";

const MOST = 50; // alerts that are shown
const LONGEST = 160; // letters of a name
const PHASES = {
  firing: ["bad", "Firing"],
  recovering: ["warn", "Recovering"],
  pending: ["warn", "Pending"],
  ok: ["good", "Well again"],
};
const LENGTHS = [["1 hour", 3600], ["4 hours", 4 * 3600], ["1 day", 86_400]];

/** The list of them. */
export class Alerts {
  #list;
  #last = new Map(); // as they were shown
  #act = null;
  #takers = ""; // what is to be said of the channels

  constructor(list) {
    this.#list = list;
  }

  /** Forgets what was shown, and who was asked. */
  clear() {
    this.#last.clear();
    this.#list.replaceChildren();
  }

  /** Shows an answer of /v1/alerts; `act` has the sink do something, and is null where the key may not. */
  show({ alerts, channels }, act) {
    [this.#act, this.#takers] = [act, takersOf(channels)];
    const shown = alerts.slice(0, MOST);
    const names = new Set(shown.map(({ name }) => name));
    for (const [name, alert] of this.#last) {
      // What a person is writing about stays where it is.
      if (!names.has(name) && this.#isOpen(name)) shown.push({ ...alert, state: "ok" });
    }
    this.#last = new Map(shown.map((alert) => [alert.name, alert]));
    arrange(this.#list, shown, ({ name }) => name, () => this.#newItem(), (item, alert) => this.#fill(item, alert));
    this.#list.hidden = shown.length === 0;
    const more = alerts.length - MOST;
    write(one("#alerts-more"), more > 0 ? `… and ${count(more)} more: eventsink alerts list shows all.` : "");
    write(one("#health-said"), summary(alerts));
  }

  #isOpen(name) {
    return [...this.#list.children].some((item) => item.dataset.key === name && one("form", item));
  }

  #newItem() {
    const head = element("h3", { tabindex: "-1" });
    head.append(
      element("i", { "aria-hidden": "true" }),
      element("span", { class: "phase" }),
      " ",
      element("bdi", { class: "name" }),
      " ",
      element("span", { class: "severity soft" }),
    );
    const [hand, silence] = ["Take in hand", "Silence…"].map((text) => {
      return element("button", { type: "button", "aria-expanded": "false" }, text);
    });
    const item = element("li", {}, head, element("p", { class: "cause" }), element("ul", { class: "facts soft" }));
    item.append(element("div", { class: "actions" }, hand, silence));
    hand.onclick = () => this.#askForReason(item, hand);
    silence.onclick = () => this.#askForLength(item, silence);
    return item;
  }

  #fill(item, alert) {
    const [mood, word] = PHASES[alert.state] ?? ["calm", alert.state];
    item.dataset.mood = mood;
    write(one(".phase", item), word);
    write(one(".name", item), brief(alert.title, LONGEST));
    one(".name", item).title = visible(alert.name);
    write(one(".severity", item), alert.severity);
    write(one(".cause", item), alert.message || alert.reason.replaceAll("_", " "));
    one(".cause", item).hidden = !(alert.message || alert.reason);
    const facts = factsOf(alert, this.#takers);
    arrange(one(".facts", item), facts, ([key]) => key, () => element("li"), (fact, [, text]) => write(fact, text));
    const [hand, silence] = one(".actions", item).children;
    hand.hidden = !this.#act || Boolean(alert.acknowledged) || !["firing", "recovering"].includes(alert.state);
    silence.hidden = !this.#act;
    for (const button of [hand, silence]) {
      button.setAttribute("aria-label", `${button.textContent.replace("…", "")}: ${one(".name", item).textContent}`);
    }
  }

  #askForReason(item, button) {
    new Inquiry(item, button, {
      label: "Who looks at it, or what is being done",
      required: true,
      submit: "Take in hand",
      done: async ({ reason }) => {
        const body = { alert: patternOf(item.dataset.key), reason };
        const { acknowledged } = await this.#act("POST", "/v1/alerts/acknowledge", body);
        return acknowledged.length ? "It is in hand: no more reminders are sent." : "It does not fire any more.";
      },
    }).toggle();
  }

  #askForLength(item, button) {
    new Inquiry(item, button, {
      label: "Why",
      choices: LENGTHS,
      submit: "Silence",
      done: async ({ reason, choice }) => {
        const body = { alerts: [patternOf(item.dataset.key)], seconds: Number(choice), reason };
        await this.#act("POST", "/v1/alerts/silences", body);
        return `Nobody is told of it for ${LENGTHS.find(([, seconds]) => seconds === Number(choice))[0]}.`;
      },
    }).toggle();
  }
}

function factsOf(alert, takers) {
  const since = new Date(alert.since);
  const long = age(Math.max(0, (present() - since) / 1000));
  const facts = [["since", `since ${moment(since)} (${long})`]];
  const regions = alert.regions.slice(0, 8).map((name) => brief(name, 60));
  if (regions.length) facts.push(["regions", `seen from ${regions.join(", ")}`]);
  facts.push(["told", told(alert, takers)]);
  if (alert.acknowledged) facts.push(["hand", `in hand: ${alert.acknowledged}`]);
  if (alert.flapping) facts.push(["flapping", "it changes too often to be told each time"]);
  return facts;
}

/** Whether channels take notices: "none" where there are no channels, "no" where all fail. */
function takersOf(channels) {
  if (!channels.length) return "none";
  return channels.every(({ since }) => since) ? "no" : "yes";
}

function told({ told: known, muted, state }, takers) {
  if (known && takers === "no") return "no channel takes notices of it";
  if (known) return muted ? `people were told; no reminders: ${muted}` : "people were told";
  if (muted) return `nobody is told: ${muted}`;
  if (state === "pending") return "nobody is told yet: it takes more failures, regions or time";
  return takers === "none" ? "nobody is told: the settings name nobody in [alerts] notify" : "nobody was told";
}

/** For those who cannot see it, only when it changes. */
function summary(alerts) {
  const firing = alerts.filter(({ state }) => state === "firing").map(({ title }) => brief(title, 60));
  if (!firing.length) return "";
  const more = firing.length > 5 ? ` and ${firing.length - 5} more` : "";
  return `${firing.length === 1 ? "One alert fires" : `${firing.length} alerts fire`}: ${firing.slice(0, 5).join(", ")}${more}.`;
}
