// A line on the overview: whether all is well, with links to where it is told in full.

import { follow, linkTo, read } from "./address.js";
import { element, one, write } from "./elements.js";
import { count } from "./format.js";

const MOODS = ["bad", "warn", "good", "calm"]; // the worst first

/** Looks at a sink: gives the work that is to be done again and again. */
export function glanceAt(sink) {
  return async () => show(await sink.ask("/v1/status"));
}

function show(status) {
  const list = one("#glance");
  if (!list.children.length) list.append(...["health", "sink"].map(newItem));
  fill(list.children[0], [...checksOf(status), ...alertsOf(status)]);
  fill(list.children[1], workersOf(status));
  for (const link of list.querySelectorAll("a")) link.href = linkTo({ ...read(), page: link.dataset.to });
}

function newItem(page) {
  const link = element("a", { "data-to": page }, element("i", { "aria-hidden": "true" }), element("span"));
  link.onclick = follow;
  return element("li", {}, link);
}

function fill(item, said) {
  const sentence = said.map(([, text]) => text).join(", ");
  write(one("span", item), sentence.charAt(0).toUpperCase() + sentence.slice(1));
  item.dataset.mood = MOODS.find((mood) => said.some(([known]) => known === mood));
}

function checksOf({ checks }) {
  if (!checks) return [];
  const { up, down, maintenance, unknown } = checks;
  const all = up + down + maintenance + unknown;
  if (all === 0) return [["calm", "nothing is checked yet"]];
  const mood = down ? "bad" : up === all ? "good" : "warn";
  return [[mood, `${count(up)} of ${count(all)} ${all === 1 ? "check is" : "checks are"} up`]];
}

function alertsOf({ alerts }) {
  if (!alerts) return [];
  if (!alerts.firing) return [["calm", "no alert fires"]];
  return [["bad", alerts.firing === 1 ? "one alert fires" : `${count(alerts.firing)} alerts fire`]];
}

function workersOf({ workers, concerns, exchange, refuses }) {
  const accounts = Object.values(workers);
  const dead = accounts.reduce((sum, account) => sum + account.dead - account.dropped, 0);
  const waiting = accounts.reduce((sum, account) => sum + account.waiting, 0);
  const missing = accounts.reduce((sum, account) => sum + account.missing, 0);
  const said = [];
  if (refuses) said.push(["bad", "events are refused"]);
  if (exchange === "away") said.push(["warn", "the exchange is away"]);
  if (dead) said.push(["bad", dead === 1 ? "one dead letter" : `${count(dead)} dead letters`]);
  if (missing) said.push(["bad", missing === 1 ? "one event is missing" : `${count(missing)} events are missing`]);
  if (accounts.some(({ state }) => state.includes("paused since"))) said.push(["warn", "a worker is paused"]);
  if (concerns.length) said.push(["warn", "the sink has concerns"]);
  const workersWord = accounts.length === 1 ? "one worker" : `${count(accounts.length)} workers`;
  const last = `${workersWord}, ${waiting ? `${count(waiting)} waiting` : "nothing waits"}`;
  return [...said, [said.length ? "calm" : "good", last]];
}
