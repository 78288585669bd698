// Numbers and times as people read them, in the time zone of the browser.

import { present } from "./clock.js";

const counts = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minute = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayOfYear = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const longDay = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];

export const count = (number) => counts.format(number);

/** 1834211 is "1.83 MB": three digits, units of a thousand. */
export function bytes(number) {
  let unit = 0;
  while (number >= 999.5 && unit < UNITS.length - 1) {
    number /= 1000;
    unit += 1;
  }
  const digits = unit === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(number)));
  return `${number.toFixed(digits)} ${UNITS[unit]}`;
}

/** How long: "0.4 s", "12 s", "5 min", "3 h", "2 days". */
export function age(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** How long something took: "12.5 ms", "340 ms", "2.5 s". */
export function took(milliseconds) {
  if (milliseconds < 99.95) return `${Number(milliseconds.toPrecision(3))} ms`;
  return milliseconds < 999.5 ? `${Math.round(milliseconds)} ms` : `${counts.format(Number((milliseconds / 1000).toPrecision(3)))} s`;
}

/** A percentage, never rounded up to 100: what was down for a second in a year was down. */
export function percent(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 100) return "100 %";
  return `${(Math.min(Math.floor(Number((value * 100).toFixed(6))), 9999) / 100).toFixed(2)} %`;
}

/** The begin of a text that a stranger may have made very long. */
export function brief(text, most) {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}

export const time = (date) => clock.format(date);

/** The time of day if it is today, else the day and about when. */
export function moment(date, now = present()) {
  if (date.toDateString() === now.toDateString()) return clock.format(date);
  const year = date.getFullYear() === now.getFullYear() ? "" : ` ${date.getFullYear()}`;
  return `${dayOfYear.format(date)}${year}, ${minute.format(date)}`;
}

/** Two times to the minute: "03:00 to 03:30" of today, else "Dec 6, 03:00 to 03:30". */
export function stretch(begin, end, now = present()) {
  return `${atMinute(begin, now)} to ${atMinute(end, begin)}`;
}

/** A time to the minute, with its day where that is not a known one. */
export function atMinute(date, known = present()) {
  return date.toDateString() === known.toDateString() ? minute.format(date) : `${dayOfYear.format(date)}, ${minute.format(date)}`;
}

export const day = (date) => longDay.format(date);

/** The time zone of the browser at a moment, as "America/Chicago, UTC−6"; "UTC" where that is it. */
export function zone(date) {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const parts = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" }).formatToParts(date);
  const offset = parts.find((part) => part.type === "timeZoneName").value.replace("GMT", "UTC").replace("-", "−");
  return name === "UTC" ? name : `${name}, ${offset}`;
}
