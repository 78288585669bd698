// Silences and maintenance, and to whom notices did not get.

import { arrange, element, one, write } from "./elements.js";
import { atMinute, brief, count, moment, stretch } from "./format.js";

const MOST = 20; // that are on
const AHEAD = 5; // that are to come
const LONGEST = 160; // letters of what they are for

/** Shows those of an answer of /v1/alerts; `act` ends them, and is null where the key may not. */
export function showQuiet(quiet, act) {
  const [now, ahead] = [true, false].map((wanted) => quiet.filter(({ on }) => on === wanted));
  ahead.sort((a, b) => Date.parse(a.begin) - Date.parse(b.begin));
  const shown = [...now.slice(0, MOST), ...ahead.slice(0, AHEAD)];
  const keyOf = ({ id, begin }) => `${id} ${begin}`;
  arrange(one("#quiet"), shown, keyOf, newItem, (item, silence) => fill(item, silence, act));
  one("#quiet-part").hidden = quiet.length === 0;
  const more = quiet.length - shown.length;
  write(one("#quiet-more"), more ? `… and ${count(more)} more: eventsink alerts list shows all.` : "");
}

function newItem() {
  const end = element("button", { type: "button" }, "End");
  return element("li", {}, element("p"), end, element("p", { class: "notice bad", role: "alert", hidden: "" }));
}

function fill(item, { id, kind, alerts, begin, end, reason, on }, act) {
  const made = /^[0-9]+$/.test(id); // by a command; those of the settings end with them
  const what = `${kind === "maintenance" ? "Maintenance" : "Silence"}${made ? ` ${id}` : ""}`;
  const when = on ? `until ${atMinute(new Date(end))}` : `from ${stretch(new Date(begin), new Date(end))}`;
  write(one("p", item), `${what} of ${brief(alerts.join(", "), LONGEST)}, ${when}${reason ? `: ${reason}` : ""}`);
  const button = one("button", item);
  button.hidden = !(made && act);
  button.setAttribute("aria-label", `End ${what.toLowerCase()}`);
  button.onclick = async () => {
    const error = one("[role=alert]", item);
    error.hidden = true;
    button.disabled = true;
    try {
      await act("DELETE", `/v1/alerts/silences/${id}`);
      one("#quiet-title").focus({ preventScroll: true });
    } catch (problem) {
      write(error, problem.message);
      error.hidden = false;
    } finally {
      button.disabled = false;
    }
  };
}

/** Says which channels did not take notices. */
export function showChannels(channels) {
  const troubled = channels.filter(({ dead, since }) => dead || since);
  arrange(one("#untold"), troubled, ({ channel }) => channel, () => element("li", { class: "notice warn" }), tell);
}

function tell(item, { channel, waiting, dead, since, reason }) {
  const notices = (number) => (number === 1 ? "one notice" : `${count(number)} notices`);
  const said = [];
  if (dead) said.push(`${notices(dead)} given up`);
  if (waiting) said.push(`${notices(waiting)} waiting`);
  const begun = since ? ` since ${moment(new Date(since))}` : "";
  const retry = dead ? " Send again what was given up with eventsink alerts retry." : "";
  write(item, `${brief(channel, 100)} does not take notices${begun}: ${said.join(", ")}. ${reason}${retry}`);
}
