// The time by the clock of the sink: that of a browser may be wrong, and then today's numbers would be those of another day.

const TOLERATED = 300_000; // milliseconds: answers take their time, and say theirs in whole seconds

let ahead = 0; // milliseconds by which the browser's clock is

/** What time it is. */
export const present = () => new Date(Date.now() - ahead);

/** Notes what an answer says of the time, if it says anything. */
export function learn(said) {
  const difference = Date.now() - Date.parse(said ?? "");
  if (Number.isNaN(difference)) return;
  ahead = Math.abs(difference) > TOLERATED ? difference : 0;
}
