// Spans of time: today, and the intervals of the chart.

import { present } from "./clock.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const FRESH = 60_000; // milliseconds for which the past of a month is not asked for again

const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const date = { day: "numeric", month: "short" };
const weekday = { weekday: "short", ...date };

/**
 * What the range switch offers: `edges` of its intervals, `interval` that the sink counts by, how times are written, and
 * by which number an interval is chosen for the axis.
 */
export const RANGES = {
  hour: {
    said: "the last hour",
    bar: "a minute",
    interval: "minute",
    edges: (now) => steps(now, MINUTE, 60),
    name: { ...weekday, ...clock, timeZoneName: "short" },
    tick: clock,
    rank: (begin) => begin.getMinutes(),
  },
  day: {
    said: "the last 24 hours",
    bar: "an hour",
    interval: "hour",
    edges: (now) => steps(now, HOUR, 24),
    name: { ...weekday, ...clock, timeZoneName: "short" },
    tick: clock,
    rank: (begin) => begin.getHours(),
  },
  month: {
    said: "the last 30 days",
    bar: "a day",
    interval: "hour", // the sink's own days are those of UTC
    edges: (now) => (sharesHours(now) ? days(now, 30) : steps(now, DAY, 30)),
    name: weekday,
    tick: date,
    rank: (_, place) => 29 - place,
  },
};

const names = new Intl.DateTimeFormat("en", { ...weekday, ...clock, timeZoneName: "short" });
const dates = new Intl.DateTimeFormat("en", date);
const clocks = new Intl.DateTimeFormat("en", clock);

/** So many hours of the sink from one on, as `intervals` gives them; those at midnight are labelled with their day. */
export function hoursFrom(first, number) {
  return Array.from({ length: number }, (_, place) => {
    const begin = new Date(first.getTime() + place * HOUR);
    const rank = begin.getHours();
    return { begin, end: new Date(begin.getTime() + HOUR), name: names.format(begin), tick: (rank ? clocks : dates).format(begin), rank };
  });
}

/** Today in the time zone of the browser. */
export function today(now = present()) {
  const [since, until] = days(now, 1);
  return { since, until };
}

/** The intervals of a range in order: when each begins and ends, its full name, a short one for the axis, its rank. */
export function intervals(range, now = present()) {
  const { edges, name, tick, rank } = RANGES[range];
  const timeZone = inUtc(range, now) ? "UTC" : undefined;
  const [names, ticks] = [name, tick].map((options) => new Intl.DateTimeFormat("en", { ...options, timeZone }));
  const found = edges(now);
  return found.slice(0, -1).map((begin, place) => {
    const end = found[place + 1];
    return { begin, end, name: names.format(begin), tick: ticks.format(begin), rank: rank(begin, place) };
  });
}

/** Whether the days of a range are those of UTC: where clocks are half an hour off, hours do not make up a day. */
export const inUtc = (range, now = present()) => range === "month" && !sharesHours(now);

/** Counts of each type in each interval, zero where the sink names none: a Map of type to numbers. */
export function fill(points, spans) {
  const counts = new Map();
  for (const { time, type, count } of points) {
    const begin = Date.parse(time);
    const place = spans.findLastIndex((span) => span.begin <= begin && begin < span.end);
    if (place < 0) continue;
    if (!counts.has(type)) counts.set(type, new Array(spans.length).fill(0));
    counts.get(type)[place] += count;
  }
  return counts;
}

/** Gets the points of a range. A month of hours is much to send: its past is asked for once a minute only. */
export class Series {
  #kept = { range: "", at: 0, points: [] };

  async get(sink, range, spans, now = Date.now()) {
    const kept = this.#kept;
    const known = range === "month" && kept.range === range && now - kept.at < FRESH;
    const since = spans.at(known ? -1 : 0).begin;
    const answer = await sink.ask("/v1/summary", {
      since: since.toISOString(),
      until: spans.at(-1).end.toISOString(),
      interval: RANGES[range].interval,
    });
    const past = known ? kept.points.filter((point) => Date.parse(point.time) < since) : [];
    const points = [...past, ...answer.series];
    this.#kept = { range, at: known ? kept.at : now, points };
    return points;
  }
}

/** Edges of the last intervals of a fixed length, the one that is going on included. */
function steps(now, length, number) {
  const end = (Math.floor(now / length) + 1) * length;
  return Array.from({ length: number + 1 }, (_, place) => new Date(end - (number - place) * length));
}

/** Edges of the last days of the browser's time zone, today included: they have 23 to 25 hours. */
function days(now, number) {
  const edge = (place) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1 - number + place);
  return Array.from({ length: number + 1 }, (_, place) => edge(place));
}

const sharesHours = (now) => now.getTimezoneOffset() % 60 === 0;
