// The latest events, newest arrival first. A row that is open stays until it is closed.

import { element, one, write } from "./elements.js";
import { bytes, moment } from "./format.js";

const LONGEST = 160; // characters of data in a row

/** A reviver for JSON.parse that keeps integers which JavaScript would round as they were written. */
export function exactly(_, value, context) {
  const rounded = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return rounded && context?.source && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
}

/** Shows events of an answer of /v1/events; those that came since the last answer light up. */
export function showLatest(events) {
  const body = one("#latest tbody");
  const kept = new Map([...body.rows].filter((row) => row.dataset.seq).map((row) => [row.dataset.seq, row]));
  const first = kept.size === 0;
  const rows = events.map((event) => {
    const row = kept.get(String(event.seq)) ?? newRow(event, !first);
    kept.delete(String(event.seq));
    return row;
  });
  const open = [...kept.values()].filter((row) => row.nextElementSibling?.matches(".whole"));
  for (const row of kept.values()) if (!open.includes(row)) row.remove();
  place(body, [...rows, ...open]);
  one("#none-yet").hidden = events.length > 0;
  one("#latest").hidden = events.length === 0;
  if (events.length === 0) write(one("#none-yet pre"), example());
}

/** Puts rows in order and moves none that stands right, so that focus and selection stay. */
function place(body, rows) {
  let before = body.rows[0] ?? null;
  for (const row of rows) {
    if (row === before) {
      before = after(row);
    } else {
      const whole = row.nextElementSibling?.matches(".whole") ? [row.nextElementSibling] : [];
      for (const part of [row, ...whole]) body.insertBefore(part, before);
    }
  }
}

function after(row) {
  const next = row.nextElementSibling;
  return next?.matches(".whole") ? next.nextElementSibling : next;
}

function newRow(event, lit) {
  const time = new Date(event.time);
  const button = element("button", { type: "button", "aria-expanded": "false", title: event.time }, moment(time));
  const cell = (name, ...children) => element("td", { role: "cell", class: name }, ...children);
  const [kind] = event.type.split(".", 1);
  const row = element(
    "tr",
    { role: "row", "data-seq": event.seq, class: lit ? "lit" : undefined },
    cell("time", button),
    cell("type", element("span", { class: "soft" }, kind), event.type.slice(kind.length)),
    cell("user", event.user ?? ""),
    cell("subject", event.subject ?? ""),
    cell("data", ...brief(event.data)),
  );
  row.onclick = ({ target }) => {
    const selecting = getSelection().type === "Range" && !button.contains(target);
    if (!selecting) toggle(row, button, event);
  };
  return row;
}

function toggle(row, button, event) {
  const whole = row.nextElementSibling;
  if (whole?.matches(".whole")) {
    whole.remove();
    button.setAttribute("aria-expanded", "false");
    return;
  }
  const text = element("pre", { tabindex: "0", "aria-label": "The whole event" }, JSON.stringify(event, null, 2));
  row.after(element("tr", { role: "row", class: "whole" }, element("td", { role: "cell", colspan: 5 }, text)));
  button.setAttribute("aria-expanded", "true");
}

/** Data in a line: names and values, as many as there is room for, what only programs read last. */
function brief(data) {
  const parts = [];
  let room = LONGEST;
  const [ids, fields] = [true, false].map((wanted) => Object.entries(data ?? {}).filter(([name]) => /_id$/.test(name) === wanted));
  for (const [name, value] of [...fields, ...ids]) {
    if (value === null || room <= 0) continue;
    const text = say(name, value).slice(0, room);
    room -= name.length + text.length + 2;
    parts.push(element("span", {}, element("span", { class: "soft" }, name), " ", element("bdi", {}, text)), " ");
  }
  return parts;
}

function say(name, value) {
  if (name === "bytes" && typeof value === "number") return bytes(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

function example() {
  const body = '{"type": "users.login", "user": "alice", "data": {"method": "userpass"}}';
  return `curl ${location.origin}/v1/events -H 'X-API-Key: …' -H 'Content-Type: application/json' -d '${body}'`;
}
