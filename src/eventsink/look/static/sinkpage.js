// The sink itself: what came today, the accounts of workers, dead letters, and the latest events.

import { showAccounts } from "./accounts.js";
import { Chart } from "./chart.js";
import { present } from "./clock.js";
import { DeadLetters } from "./dead.js";
import { one, write } from "./elements.js";
import { bytes, count, day, zone } from "./format.js";
import { exactly, showLatest } from "./latest.js";
import { Series, intervals, today } from "./spans.js";

/** The page of it. */
export class SinkPage {
  #chart = new Chart();

  /** Looks at a sink: gives the work to be done again and again, soon and later. `failed` is told of mishaps. */
  begin(sink, failed) {
    const dead = new DeadLetters(sink);
    return {
      soon: async () => {
        const questions = [sink.ask("/v1/status"), sink.ask("/v1/events", { limit: 20 }, exactly)];
        const [status, latest] = await Promise.all(questions);
        showAccounts(status);
        dead.count(status);
        showLatest(latest.events);
      },
      later: this.#totalsAndChart(sink, failed),
      dead: () => dead.look(),
    };
  }

  /** The totals come first: the chart has to load Plotly. */
  #totalsAndChart(sink, failed) {
    const series = new Series();
    let types = null;
    const drawChart = async () => {
      types ??= (await sink.ask("/v1/types")).types.map(({ type }) => type);
      const range = chosen();
      const spans = intervals(range);
      const points = await series.get(sink, range, spans);
      if (range !== chosen() || sink.signal.aborted) return; // it has been drawn meanwhile, or nobody waits for it
      this.#chart.know(types);
      await this.#chart.show(points, spans, range);
    };
    one("#range").onchange = () => drawChart().catch((error) => failed(drawChart, error));
    return async (ready) => {
      showTotals(...(await totalsOf(sink)));
      ready();
      await drawChart();
      ready(drawChart);
    };
  }
}

const chosen = () => one("#range :checked").value;

const iso = (span) => Object.fromEntries(Object.entries(span).map(([name, date]) => [name, date.toISOString()]));

/** When today began, and its totals: asked for again where the first answer shows that it is another day. */
async function totalsOf(sink) {
  const asked = today();
  const summary = await sink.ask("/v1/summary", { ...iso(asked), interval: "hour" });
  return Number(today().since) === Number(asked.since) ? [asked.since, summary] : totalsOf(sink);
}

function showTotals(begin, summary) {
  write(one("#day"), `${day(begin)} (${zone(present())})`);
  for (const target of document.querySelectorAll("[data-total]")) {
    const { total } = target.dataset;
    const human = total.startsWith("bytes") ? bytes : count;
    write(target, human(summary[total]));
    target.title = count(summary[total]) + (human === bytes ? " bytes" : "");
  }
}
