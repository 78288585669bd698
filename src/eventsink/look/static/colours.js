// Colours: a hue for each component, shades of it for its types.

// In the order of the stack. "" stands for custom ones; of health there is much, so it stays grey and in the background.
const HUES = new Map([["storage", 250], ["extractions", 55], ["traffic", 170], ["users", 345], ["", 115], ["health", 260]]);
const GREY = "health";

export const component = (type) => type.split(".", 1)[0];

const known = (name) => (HUES.has(name) ? name : "");

/** Types in the order of the stack and the legend: by component, then by name. */
export function inOrder(types) {
  const order = [...HUES.keys()];
  const rank = (type) => order.indexOf(known(component(type)));
  return [...types].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** A Map of type to colour. It stays the same while `types` holds the same types of a component. */
export function colours(types, dark) {
  const families = Map.groupBy(inOrder(types), component);
  const found = new Map();
  for (const [name, members] of families) {
    members.forEach((type, place) => found.set(type, colour(name, members.length > 1 ? place / (members.length - 1) : 0.3, dark)));
  }
  return found;
}

/** `share` goes from 0, which stands out from the page most, to 1. */
function colour(name, share, dark) {
  const lightness = dark ? 0.86 - 0.33 * share : 0.4 + 0.33 * share;
  const chroma = name === GREY ? 0.025 : 0.125;
  return rgb(lightness, chroma, HUES.get(known(name)) + 28 * (0.5 - share));
}

const LINES = [250, 40, 165, 345, 95, 300, 200, 10]; // hues, so that those beside one another differ most

/** The colour of one of the eight lines of a chart. */
export const lineColour = (place, dark) => rgb(dark ? 0.78 : 0.52, 0.135, LINES[place % LINES.length]);

// What means good or bad looks so, wherever it stands; all else is told apart alone.
const MEANT = new Map([["done", 160], ["failed", 25], ["errors", 25], ["skipped", 95], ["removed", 40]]);

/** The colour of a series of a panel; `apart` is false for what is all the rest. */
export function seriesColour(name, place, dark, apart = true) {
  if (!apart) return rgb(dark ? 0.6 : 0.68, 0.02, 260);
  return rgb(dark ? 0.76 : 0.56, 0.125, MEANT.get(name) ?? LINES[place % LINES.length]);
}

/** OKLCH, in which equal steps look equal, as the RGB that Plotly reads. */
function rgb(lightness, chroma, hue) {
  const [a, b] = [Math.cos, Math.sin].map((part) => chroma * part((hue * Math.PI) / 180));
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `rgb(${linear.map((part) => Math.round(255 * gamma(Math.min(1, Math.max(0, part))))).join(",")})`;
}

const gamma = (part) => (part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055);
