// A tiny line of how a number was over time. It says nothing that does not stand in words elsewhere.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 20;

/** An empty one; or, with one and its numbers, that one with its line. */
export function trend(svg = undefined, numbers = []) {
  if (!svg) {
    const made = document.createElementNS(SVG, "svg");
    made.setAttribute("class", "trend");
    made.setAttribute("aria-hidden", "true");
    made.setAttribute("preserveAspectRatio", "none");
    made.append(document.createElementNS(SVG, "path"));
    return made;
  }
  const line = path(numbers);
  svg.setAttribute("viewBox", `0 0 ${Math.max(1, numbers.length - 1)} ${HEIGHT}`);
  if (svg.firstChild.getAttribute("d") !== line) svg.firstChild.setAttribute("d", line);
  return svg;
}

/** From zero at the bottom to the highest; where nothing is known there is a gap. A single number is no trend. */
function path(numbers) {
  if (numbers.filter((number) => number !== null).length < 2) return "";
  const highest = Math.max(...numbers, 0) || 1;
  let begins = true;
  const parts = numbers.map((number, x) => {
    if (number === null) {
      begins = true;
      return "";
    }
    const y = (HEIGHT - 2 - (number / highest) * (HEIGHT - 4)).toFixed(1);
    const alone = begins && (numbers[x + 1] ?? null) === null ? "h0.01" : "";
    const part = `${begins ? "M" : "L"}${x} ${y}${alone}`;
    begins = false;
    return part;
  });
  return parts.join("");
}
