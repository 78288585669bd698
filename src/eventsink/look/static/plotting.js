// What charts have in common: Plotly itself, how it is set up, and the colours of the page.

import { element } from "./elements.js";

const CONFIG = { displayModeBar: false, displaylogo: false, doubleClick: false, showTips: false, showAxisDragHandles: false };
const TICK = 64; // pixels that a label of the time axis needs

const dark = matchMedia("(prefers-color-scheme: dark)");

export const isDark = () => dark.matches;

/** A colour of the page by its name. */
export const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Draws anew whenever the colours of the page or the size of the plot are others. */
export function onChange(plot, draw) {
  dark.addEventListener("change", draw);
  new ResizeObserver(draw).observe(plot.parentElement);
}

/** How many labels of the time axis there is room for. */
export const roomOf = (plot) => Math.max(2, (plot.clientWidth - 60) / TICK);

/** Draws traces over so many intervals side by side. */
export async function react(plot, traces, length, { xaxis, yaxis, ...more }) {
  await plotly();
  if (!plot.classList.contains("js-plotly-plot")) plot.replaceChildren();
  const axis = { color: style("--soft"), fixedrange: true, zeroline: false, automargin: true };
  const layout = {
    width: plot.clientWidth,
    height: plot.clientHeight,
    hovermode: false,
    showlegend: false,
    margin: { l: 40, r: 4, t: 8, b: 28 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family: "system-ui, sans-serif", size: 12, color: style("--ink") },
    xaxis: { ...axis, range: [-0.5, length - 0.5], tickangle: 0, showgrid: false, linecolor: style("--line"), ...xaxis },
    yaxis: { ...axis, gridcolor: style("--line"), ...yaxis },
    ...more,
  };
  await window.Plotly.react(plot, traces, layout, CONFIG);
}

let loading;

/** Loads Plotly, once: it is large, and the rest of the page does not wait for it. */
export function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = element("script", { src: "/static/plotly.js" });
    script.onload = resolve;
    script.onerror = () => {
      loading = undefined;
      script.remove();
      reject(new Error("The chart could not be loaded."));
    };
    document.head.append(script);
  });
  return loading;
}
