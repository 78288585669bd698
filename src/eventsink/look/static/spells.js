// The intervals of panels over time, as the sink cuts them: what they are called, and the dates that show one alone.

const HOUR = 3_600_000;
const date = { day: "numeric", month: "short" };
const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const FORMS = {
  hour: { name: { weekday: "short", ...date, ...clock, timeZoneName: "short" }, tick: clock },
  day: { name: { weekday: "short", ...date, year: "numeric" }, tick: date },
  week: { name: { ...date, year: "numeric" }, tick: date },
  month: { name: { month: "long", year: "numeric" }, tick: { month: "short", year: "2-digit" } },
};

/** One of `{time, name, tick, rank, since, until}` for each time; `since` and `until` are as the address has them. */
export function spellsOf(times, { every, zone, since, until }) {
  const timeZone = every === "hour" ? zone : "UTC";
  const { name, tick } = FORMS[every];
  const [names, ticks, dates] = [name, tick, date].map((options) => {
    return new Intl.DateTimeFormat("en", { ...options, timeZone });
  });
  const [first, last] = [dayOf(new Date(since), zone), dayOf(new Date(Date.parse(until) - 1), zone)];
  return times.map((time, place) => {
    const begin = new Date(time);
    const rank = every === "hour" ? hourOf(begin, zone) : times.length - 1 - place;
    const mark = every === "hour" && rank === 0 ? dates.format(begin) : ticks.format(begin);
    const long = `${every === "week" ? "Week of " : ""}${names.format(begin)}`;
    return { time, name: long, tick: mark, rank, ...edges(begin, every, first, last) };
  });
}

/** A week or month at the edge of a period is not shown wholly: nor is it when it is shown alone. */
function edges(begin, every, first, last) {
  if (every === "hour") return { since: plain(begin), until: plain(new Date(begin.getTime() + HOUR)) };
  const end = new Date(begin);
  if (every === "week") end.setUTCDate(end.getUTCDate() + 6);
  if (every === "month") end.setUTCMonth(end.getUTCMonth() + 1, 0);
  const [since, until] = [begin, end].map((day) => day.toISOString().slice(0, 10));
  return { since: since < first ? first : since, until: until > last ? last : until };
}

const plain = (moment) => moment.toISOString().replace(".000Z", "Z");

/** The day of a moment by the clocks of a zone: "2026-11-28". */
export function dayOf(moment, zone) {
  const parts = { year: "numeric", month: "2-digit", day: "2-digit", timeZone: zone };
  return new Intl.DateTimeFormat("en-CA", parts).format(moment);
}

function hourOf(moment, zone) {
  const options = { hour: "numeric", hourCycle: "h23", timeZone: zone };
  return Number(new Intl.DateTimeFormat("en", options).format(moment));
}

/** A period in words: "Oct 31 – Nov 29, 2026"; with times of day where it is of hours and not of whole days. */
export function inWords(since, until, { zone, every }) {
  const [begin, end] = [Date.parse(since), Date.parse(until)];
  const whole = every !== "hour" || [begin, end].every((moment) => hourOf(new Date(moment), zone) === 0);
  // Where clocks were changed in between, a period of days before this one begins an hour off.
  const [first, last] = whole ? [begin + 2 * HOUR, end - 2 * HOUR] : [begin, end];
  const options = { ...date, year: "numeric", timeZone: zone, ...(whole ? {} : clock) };
  return new Intl.DateTimeFormat("en", options).formatRange(first, last);
}
