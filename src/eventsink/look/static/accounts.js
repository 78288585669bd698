// The accounts of each worker, and what needs attention: the same sentences as those of `eventsink status`.

import { arrange, element, one, write } from "./elements.js";
import { age, bytes, count, moment } from "./format.js";

const STALE = 5; // seconds after which the age of what is shown is worth a word
const LATE = 60; // seconds after which a waiting event is worth a word

/** Shows an answer of /v1/status. */
export function showAccounts(status) {
  const workers = Object.entries(status.workers);
  const concerns = workers.flatMap(([name, account]) => concernsOf(name, account));
  const kept = `${count(status.spool.events)} events wait in the spool for it`;
  if (status.age_seconds > STALE) {
    concerns.unshift(["warn", `This is ${Math.round(status.age_seconds)} seconds old: the exchange does not answer.`]);
  }
  if (status.exchange === "away") {
    concerns.unshift(["warn", `The exchange is away: ${kept}.`]);
  } else if (status.spool.events) {
    concerns.unshift(["warn", `No queue of the exchange takes some events: ${kept}. Start the worker that wants them.`]);
  }
  for (const sentence of status.concerns ?? []) concerns.unshift(["warn", sentence]);
  if (status.refuses) concerns.unshift(["bad", `Events are refused: ${status.refuses}`]);
  showNotices(concerns);
  write(one("#books"), workers.every(([, account]) => balances(account)) ? "Accepted = delivered + waiting + dead + missing" : "");
  showRows(workers);
  showFacts(status);
}

const balances = (account) =>
  account.accepted === account.delivered + account.waiting + account.dead + account.missing;

function concernsOf(name, account) {
  const found = [];
  const { lag_seconds: lag, missing, missing_since: since, state, waiting } = account;
  const dead = account.dead - account.dropped;
  if (!balances(account)) {
    found.push(["bad", `The account of ${name} does not add up: this is a bug, please report it.`]);
  }
  if (dead) {
    const command = `eventsink dead list --worker ${name}`;
    found.push(["bad", `${name} could not deliver ${dead === 1 ? "one event" : `${count(dead)} events`}: see `, command]);
  }
  if (since) {
    const misses = missing ? `misses ${missing === 1 ? "one event" : `${count(missing)} events`}` : "may miss events";
    const why = "Somebody purged or deleted its queue, or the disk is damaged: see the log. What the store has is delivered again by ";
    found.push(["bad", `${name} ${misses}: accepted, and nowhere since ${moment(new Date(since))}. ${why}`, `eventsink replay --to ${name} --since TIME`]);
  }
  if (state.includes("paused since")) {
    const pause = state.slice(state.indexOf("paused since"));
    found.push(["warn", `${name} is ${pause} Its events wait, and are delivered when that is mended.`]);
  } else if (account.configured === false && waiting) {
    const events = waiting === 1 ? "one event waits" : `${count(waiting)} events wait`;
    found.push(["warn", `${name} is in no settings, and ${events} for it: throw them away with `, `eventsink workers forget ${name}`]);
  } else if (waiting && lag > LATE) {
    const why = state.startsWith("not running") ? "no process runs it" : "it does not keep up";
    found.push(["warn", `${name} is ${age(lag)} behind: ${why}.`]);
  }
  return found;
}

function showNotices(concerns) {
  const list = one("#notices");
  const said = JSON.stringify(concerns);
  if (list.dataset.said === said) return;
  list.dataset.said = said;
  list.replaceChildren(
    ...concerns.map(([kind, sentence, command]) =>
      element("li", { class: `notice ${kind}` }, sentence, ...(command ? [element("code", {}, command)] : [])),
    ),
  );
}

function showRows(workers) {
  const body = one("#accounts tbody");
  arrange(body, workers, ([name]) => name, ([name]) => newRow(name), (row, [, account]) => fillRow(row, account));
}

const FIGURES = ["accepted", "delivered", "waiting", "dead", "missing", "lag"];

function newRow(name) {
  const figures = FIGURES.map((figure) => {
    return element("td", { role: "cell", class: "figure", "data-figure": figure, "data-label": figure });
  });
  const state = element("td", { role: "cell", class: "state" }, element("i", { "aria-hidden": "true" }), element("span"));
  return element(
    "tr",
    { role: "row" },
    element("th", { scope: "row", role: "rowheader" }, name),
    state,
    ...figures,
  );
}

function fillRow(row, account) {
  const { accepted, delivered, waiting, dead, missing, lag_seconds: lag, state } = account;
  const texts = [accepted, delivered, waiting, dead, missing].map(count);
  texts.push(waiting ? age(lag) : "–");
  FIGURES.forEach((figure, place) => write(one(`[data-figure=${figure}]`, row), texts[place]));
  one("[data-figure=dead]", row).classList.toggle("bad", dead > account.dropped);
  one("[data-figure=missing]", row).classList.toggle("bad", Boolean(account.missing_since));
  one("[data-figure=lag]", row).classList.toggle("warn", waiting > 0 && lag > LATE);
  write(one(".state span", row), brief(state));
  row.dataset.mood = mood(state);
}

/** What a worker is doing, without why: that stands in the notices. */
const brief = (state) => state.replace(/(paused since \S+ \S+ UTC): .*?(?=$|; )/g, "$1");

function mood(state) {
  if (state.includes("paused since")) return "warn";
  if (/^(idle|delivering)\b/.test(state)) return "good";
  return state === "stopped" ? "bad" : "calm"; // a worker that does not run here may run elsewhere
}

function showFacts({ version, started, store, workers }) {
  const facts = [`Event sink ${version}, running since ${moment(new Date(started))}`];
  if (store) {
    const since = store.first ? ` since ${moment(new Date(store.first))}` : "";
    facts.push(`Store: ${count(store.events)} events${since}, ${bytes(store.bytes)} on disk`);
  }
  const canaries = Object.entries(workers).filter(([, { canary }]) => canary);
  if (canaries.length) {
    const took = ([name, { canary }]) =>
      `${name} ${canary.delay_seconds.toFixed(2)} s at ${moment(new Date(canary.at))}`;
    facts.push(`The last canary arrived: ${canaries.map(took).join(", ")}`);
  }
  const list = one("#facts");
  if (list.dataset.said === facts.join()) return;
  list.dataset.said = facts.join();
  list.replaceChildren(...facts.map((fact) => element("span", {}, fact)));
}
