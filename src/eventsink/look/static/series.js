// The rows of a panel over time as series: one for each measure, or for each group.

import { nameOf } from "./names.js";

/** The columns of a panel that are measured: all but times and groups. */
export const measuresOf = ({ columns }) => columns.filter(({ unit }) => unit !== "text" && unit !== "time");

/** Whether there is nothing to be shown. */
export function isEmpty(panel) {
  const first = panel.columns.length - measuresOf(panel).length;
  return panel.rows.every((row) => row.slice(first).every((number) => !number));
}

/**
 * `times`, and `series` of `{key, title, unit, column, value, below, numbers}`; `column` is null where it is no group,
 * and what is `below` is drawn below zero.
 */
export function seriesOf(panel) {
  const group = panel.columns[1]?.unit === "text" ? panel.columns[1].name : null;
  return group ? byGroup(panel, group) : byMeasure(panel);
}

function byMeasure({ columns, rows, below }) {
  const series = columns.slice(1).map(({ name, title, unit }, place) => {
    const numbers = rows.map((row) => row[place + 1]);
    return { key: name, title, unit, column: null, value: null, below: below.includes(name), numbers };
  });
  return { times: rows.map(([time]) => time), series };
}

function byGroup({ columns, rows }, column) {
  const { unit } = columns[2];
  const groups = Map.groupBy(rows, ([, value]) => value);
  const series = [...groups].map(([value, found]) => {
    const numbers = found.map(([, , number]) => number);
    return { key: `=${value}`, title: nameOf(column, value), unit, column, value, below: false, numbers };
  });
  return { times: [...new Set(rows.map(([time]) => time))], series };
}
