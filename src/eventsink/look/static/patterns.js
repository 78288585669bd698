// Patterns by which commands name alerts: `*`, `?` and `[` mean more than themselves in them.

const LONGEST = 600; // letters that the sink takes

/** The pattern that is for the alert of one name. */
export function patternOf(name) {
  const exact = [...name].map((letter) => (/[*?[]/.test(letter) ? `[${letter}]` : readable(letter)));
  return exact.join("").length <= LONGEST ? exact.join("") : exact.map((part) => (part.length === 3 ? "?" : part)).join("");
}

/** The sink takes no letters that cannot be seen: any letter may stand for them. */
const readable = (letter) => (letter !== " " && /[\p{C}\p{Z}]/u.test(letter) ? "?" : letter);
