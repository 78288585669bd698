// Numbers of panels in their units, for people, and the marks of an axis.

import { bytes, count, percent, took } from "./format.js";

const HOW = { bytes, ms: took, percent, count: (number) => count(Math.round(number)) };
const STEPS = [1, 2, 5, 10];
const MARKS = 5; // at most, without that of zero

/** A number of a unit; a dash where there is none. */
export function said(number, unit) {
  if (number === null || number === undefined) return "–";
  return number < 0 ? `−${HOW[unit](-number)}` : HOW[unit](number);
}

/** All digits of a number that is said in fewer; nothing where all are said. */
export function exactly(number, unit) {
  if (number === null || !["bytes", "ms"].includes(unit)) return "";
  return `${count(number)} ${unit}`;
}

/** The marks of an axis from a number below zero to one above: `values`, `texts`, and `top` and `bottom` of the axis. */
export function marks(highest, unit, deepest = 0) {
  const rough = Math.max(highest + deepest, unit === "count" ? MARKS : 1) / MARKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = STEPS.find((factor) => factor * power >= rough * 0.999) * power;
  const values = Array.from({ length: 2 * MARKS + 1 }, (_, place) => (place - MARKS) * step);
  const wanted = values.filter((value) => value < highest + step && value >= -deepest);
  const texts = wanted.map((value) => (value ? short(said(Math.abs(value), unit)) : "0"));
  return { values: wanted, texts, top: Math.max(...wanted, highest * 1.04), bottom: -deepest * 1.04 };
}

/** "2.00 GB" is "2 GB" on an axis. */
const short = (text) => text.replace(/\.(\d*?)0+ /, (_, digits) => (digits ? `.${digits} ` : " "));
