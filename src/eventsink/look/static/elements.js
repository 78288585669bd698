// Makes elements of the page. Text goes in as text, never as HTML: events hold what strangers wrote.

/** An element with attributes; `undefined` leaves one out. Children are elements or text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(attribute, value);
  }
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

/** The element of the page that a selector names. */
export const one = (selector, within = document) => within.querySelector(selector);

/** Writes text where it differs, so that nothing flickers and no screen reader repeats itself. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
