// The first page: signs in, then asks the sink again and again and shows what it says.

import { showAccounts } from "./accounts.js";
import { Chart } from "./chart.js";
import { one, write } from "./elements.js";
import { bytes, count, day, time, zone } from "./format.js";
import { Health } from "./health.js";
import { forgetKey, keepKey, takeKey } from "./key.js";
import { exactly, showLatest } from "./latest.js";
import { Away, Refused, Sink } from "./sink.js";
import { Series, intervals, today } from "./spans.js";

const SOON = 2; // seconds between two looks at the latest events, the accounts and the alerts
const LATER = 5; // at totals, chart and checks
const AGAIN = 1; // at all of them while the sink is away

const chart = new Chart();
const health = new Health();

let watch = new AbortController();
let lastAnswer = null;
const troubles = new Map(); // what went wrong at the last look, by the work that did it

start(takeKey());
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#key=")) start(takeKey());
});
one("#sign-in").onsubmit = (event) => {
  event.preventDefault();
  keepKey(one("#key").value.trim());
  one("#key").value = "";
  start(takeKey());
};
one("#sign-out").onclick = () => signOut();
one("#pause").onclick = ({ target }) => {
  target.setAttribute("aria-pressed", target.getAttribute("aria-pressed") !== "true");
  showState();
};

/** Looks at the sink with a key, from now on. */
function start(key) {
  watch.abort();
  watch = new AbortController();
  lastAnswer = null;
  troubles.clear();
  one("#sign-in-error").hidden = true;
  if (!key) {
    signOut();
    return;
  }
  const sink = new Sink(key, watch.signal);
  repeat(SOON, watch.signal, latestAndAccounts(sink));
  repeat(LATER, watch.signal, totalsAndChart(sink, watch.signal));
  const { soon, later } = health.begin(sink);
  repeat(SOON, watch.signal, soon);
  repeat(LATER, watch.signal, later);
}

function latestAndAccounts(sink) {
  return async () => {
    const questions = [sink.ask("/v1/status"), sink.ask("/v1/events", { limit: 20 }, exactly)];
    const [status, latest] = await Promise.all(questions);
    showAccounts(status);
    showLatest(latest.events);
  };
}

/** The totals come first: the chart has to load Plotly. */
function totalsAndChart(sink, signal) {
  const series = new Series();
  let types = null;
  const drawChart = async () => {
    types ??= (await sink.ask("/v1/types")).types.map(({ type }) => type);
    const range = chosen();
    const spans = intervals(range);
    const points = await series.get(sink, range, spans);
    if (range !== chosen() || signal.aborted) return; // it has been drawn meanwhile, or nobody waits for it
    chart.know(types);
    await chart.show(points, spans, range);
  };
  one("#range").onchange = () => drawChart().catch((error) => failed(drawChart, error, signal));
  return async () => {
    showTotals(await sink.ask("/v1/summary", { ...iso(today()), interval: "hour" }));
    showBoard();
    await drawChart();
    answered(drawChart);
  };
}

function chosen() {
  return one("#range :checked").value;
}

function iso(span) {
  return Object.fromEntries(Object.entries(span).map(([name, date]) => [name, date.toISOString()]));
}

function showTotals(summary) {
  const now = new Date();
  write(one("#day"), `${day(now)} (${zone(now)})`);
  for (const target of document.querySelectorAll("[data-total]")) {
    const { total } = target.dataset;
    const human = total.startsWith("bytes") ? bytes : count;
    write(target, human(summary[total]));
    target.title = count(summary[total]) + (human === bytes ? " bytes" : "");
  }
}

/** Does work again and again, but not while nobody looks. */
async function repeat(seconds, signal, work) {
  while (!signal.aborted) {
    try {
      await work();
      if (!signal.aborted) answered(work);
    } catch (error) {
      failed(work, error, signal);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000 * (troubles.size ? AGAIN : seconds)));
    await wanted();
  }
}

/** Until the tab is visible and not paused. */
async function wanted() {
  while (document.hidden || paused()) {
    await new Promise((resolve) => {
      document.addEventListener("visibilitychange", resolve, { once: true });
      one("#pause").addEventListener("click", resolve, { once: true });
    });
  }
}

function paused() {
  return one("#pause").getAttribute("aria-pressed") === "true";
}

function answered(work) {
  troubles.delete(work);
  lastAnswer = new Date();
  showBoard();
}

function failed(work, error, signal) {
  if (signal.aborted) return;
  if (error instanceof Refused) {
    signOut(error.message);
    return;
  }
  if (!(error instanceof Away)) console.error(error);
  troubles.set(work, error instanceof Away ? error.message : "This page has failed; the browser's console says where.");
  showBoard();
}

function showBoard() {
  for (const name of ["#board", "#pause", "#sign-out"]) one(name).hidden = false;
  one("#sign-in").hidden = true;
  one("#board").classList.toggle("stale", troubles.size > 0);
  one("#away").hidden = troubles.size === 0;
  if (troubles.size) {
    const since = lastAnswer ? ` Its last answer came at ${time(lastAnswer)}.` : "";
    write(one("#away"), `${[...troubles.values()].at(-1)}${since} This page goes on by itself as soon as it can.`);
  }
  showState();
}

function showState() {
  const state = troubles.size ? "Away" : paused() ? "Paused" : "Live";
  one("#state").dataset.state = state;
  write(one("#state"), state);
}

/** Back to the form, with a sentence when the key was refused. */
function signOut(reason = "") {
  watch.abort();
  forgetKey();
  for (const name of ["#board", "#pause", "#sign-out"]) one(name).hidden = true;
  write(one("#state"), "");
  delete one("#state").dataset.state;
  write(one("#sign-in-error"), reason);
  one("#sign-in-error").hidden = !reason;
  one("#sign-in").hidden = false;
  one("#key").focus();
}
