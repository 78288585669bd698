// Makes elements of the page. Text goes in as text, never as HTML, and nothing in it is unseen: events hold what
// strangers wrote.

// What turns the direction of writing, has no width, breaks lines or commands a terminal that it is copied to; but for
// the tab and the line breaks of what we lay out ourselves. `\p{Cf}` is what Unicode calls format.
const UNSEEN = /[^\P{Cc}\t\n\r]|[\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A text with everything in it that cannot be seen as an escape, as JSON has it: `\u202e`. */
export const visible = (text) => String(text).replace(UNSEEN, escaped);

function escaped(letter) {
  const halves = Array.from({ length: letter.length }, (_, place) => letter.charCodeAt(place));
  return halves.map((half) => `\\u${half.toString(16).padStart(4, "0")}`).join("");
}

/** An element with attributes; `undefined` leaves one out. Children are elements or text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(attribute, attribute.startsWith("data-") ? value : visible(value));
  }
  made.append(...children.map((child) => (child instanceof Node ? child : visible(child))));
  return made;
}

/** The element of the page that a selector names. */
export const one = (selector, within = document) => within.querySelector(selector);

/** Writes text where it differs, so that nothing flickers and no screen reader repeats itself. */
export function write(target, text) {
  const shown = visible(text);
  if (target.textContent !== shown) target.textContent = shown;
}

/**
 * Has one element for each item in a list, in their order: those that stand right are not touched, and what a person is
 * typing in stays as it is, also where it moves.
 *
 * @param keyOf the name of an item; `make` makes its element, `fill` writes what is new of it
 */
export function arrange(list, items, keyOf, make, fill) {
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const wanted = new Set(items.map(keyOf));
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  for (const [key, child] of known) if (!wanted.has(key)) child.remove();
  items.forEach((item, place) => {
    const key = keyOf(item);
    const child = known.get(key) ?? make(item);
    child.dataset.key = key;
    if (list.children[place] !== child) list.insertBefore(child, list.children[place] ?? null);
    fill(child, item);
  });
  if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
}
