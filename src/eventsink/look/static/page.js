// The page: signs in, then shows the part of it that the address names.

import { PAGES, follow, linkTo, read } from "./address.js";
import { Dashboard } from "./dashboard.js";
import { element, one, write } from "./elements.js";
import { time } from "./format.js";
import { glanceAt } from "./glance.js";
import { Health } from "./health.js";
import { forgetKey, keepKey, takeKey } from "./key.js";
import { Sink } from "./sink.js";
import { SinkPage } from "./sinkpage.js";
import { Watching } from "./watching.js";

const SOON = 2; // seconds between two looks at the latest events, the accounts and the alerts
const LATER = 5; // at totals, chart, checks and dead letters
const CALM = 10; // at numbers

const dashboard = new Dashboard();
const health = new Health();
const sinkPage = new SinkPage();
const watching = new Watching({ paused, changed: showBoard, refused: signOut });

let key = null;

newLinks();
start(takeKey());
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#key=")) start(takeKey());
});
for (const event of ["address", "popstate"]) addEventListener(event, show);
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

function newLinks() {
  for (const [page, title] of PAGES) {
    const link = element("a", { "data-to": page }, title);
    link.onclick = follow;
    one("#pages").append(link);
  }
  one("#unanswered a").onclick = follow;
}

/** Looks at the sink with a key, from now on. */
function start(wanted) {
  key = wanted;
  watching.lastAnswer = null;
  one("#sign-in-error").hidden = true;
  show();
}

/** Shows what the address names, from now on. */
function show() {
  const signal = watching.anew();
  const view = read();
  showPage(view);
  if (!key) {
    signOut();
    return;
  }
  for (const [seconds, work] of worksOf(view, new Sink(key, signal))) watching.repeat(seconds, work);
}

/** What is to be done again and again for a page, and how often. */
function worksOf(view, sink) {
  if (view.page === "sink") {
    const { soon, later, dead } = sinkPage.begin(sink, (work, error) => watching.failed(work, error, sink.signal));
    return [[SOON, soon], [LATER, later], [LATER, dead]];
  }
  if (view.page === "health") {
    const { soon, later } = health.begin(sink);
    return [[SOON, soon], [LATER, later]];
  }
  const numbers = [CALM, dashboard.begin(sink, view)];
  return view.page === "overview" ? [numbers, [CALM, glanceAt(sink)]] : [numbers];
}

/** The parts of a page, and links that keep what is chosen. */
function showPage(view) {
  document.title = `${PAGES.get(view.page)} · Clowder event sink`;
  const part = ["health", "sink"].includes(view.page) ? view.page : "numbers";
  for (const section of document.querySelectorAll("#board > [data-part]")) {
    section.hidden = section.dataset.part !== part;
  }
  one("#glance").hidden = view.page !== "overview";
  for (const link of one("#pages").children) {
    link.href = linkTo({ ...view, page: link.dataset.to });
    if (link.dataset.to === view.page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  one("#unanswered").hidden = true;
  one("#unanswered a").href = linkTo(read(`?page=${view.page}`));
}

function paused() {
  return one("#pause").getAttribute("aria-pressed") === "true";
}

function showBoard() {
  for (const name of ["#board", "#pages", "#pause", "#sign-out"]) one(name).hidden = false;
  one("#sign-in").hidden = true;
  const { trouble, lastAnswer } = watching;
  one("#board").classList.toggle("stale", Boolean(trouble));
  one("#away").hidden = !trouble;
  if (trouble) {
    const since = lastAnswer ? ` Its last answer came at ${time(lastAnswer)}.` : "";
    write(one("#away"), `${trouble}${since} This page goes on by itself as soon as it can.`);
  }
  showState();
}

function showState() {
  const state = watching.trouble ? "Away" : paused() ? "Paused" : "Live";
  one("#state").dataset.state = state;
  write(one("#state"), state);
}

/** Back to the form, with a sentence when the key was refused. */
function signOut(reason = "") {
  watching.anew();
  key = null;
  forgetKey();
  for (const name of ["#board", "#pages", "#pause", "#sign-out"]) one(name).hidden = true;
  write(one("#state"), "");
  delete one("#state").dataset.state;
  write(one("#sign-in-error"), reason);
  one("#sign-in-error").hidden = !reason;
  one("#sign-in").hidden = false;
  one("#key").focus();
}
