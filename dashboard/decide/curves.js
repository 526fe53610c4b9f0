/** Where the points of a chart lie. Pure functions. */

/** @typedef {{ x: number, y: number }} Point */

/**
 * The range of a chart's values, with round numbers at its ends.
 * @param {readonly number[]} values
 * @param {{ least?: number | undefined, most?: number | undefined }} fixed  ends that are given
 * @returns {{ from: number, to: number }}
 */
export function rangeOf(values, { least, most } = {}) {
  let [from, to] = [least ?? Infinity, most ?? -Infinity];
  for (const value of values) {
    if (least === undefined && value < from) from = value;
    if (most === undefined && value > to) to = value;
  }
  if (!Number.isFinite(from) || !Number.isFinite(to)) return { from: least ?? 0, to: most ?? 1 };
  const largest = Math.max(Math.abs(from), Math.abs(to));
  // WHY: of values that are nearly the same, the last digits are no news, and their steps cannot be written.
  if (to - from < Math.max(largest * 1e-6, 1e-12)) to = from + (largest < 1e-9 ? 1 : largest * 0.1);
  const step = roundStep((to - from) / 2);
  return {
    from: least ?? Math.floor(from / step) * step,
    to: most ?? Math.ceil(to / step - 1e-9) * step,
  };
}

/** 1, 2 or 5 times a power of ten, at least as large. @param {number} size @returns {number} */
export function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return ([1, 2, 5].find((one) => one * power >= size * 0.999_999) ?? 10) * power;
}

/**
 * The path of a line in a box of `width` by `height`, the largest value on top.
 * @param {readonly Point[]} points
 * @param {{ width: number, height: number, x: { from: number, to: number }, y: { from: number, to: number } }} box
 * @returns {string} for the attribute `d` of a path
 */
export function pathOf(points, { width, height, x, y }) {
  return points
    .map((point, at) => {
      const [left, top] = [scale(point.x, x) * width, (1 - scale(point.y, y)) * height];
      return `${at === 0 ? 'M' : 'L'}${left.toFixed(1)} ${top.toFixed(1)}`;
    })
    .join('');
}

/** @param {number} value @param {{ from: number, to: number }} range @returns {number} from 0 to 1 */
function scale(value, { from, to }) {
  return to === from ? 0.5 : Math.min(1, Math.max(0, (value - from) / (to - from)));
}

/** @typedef {{ x: number, least: number, most: number }} Span */

/**
 * The path around a band in a box: along its upper edge and back along the lower one. What is beyond the box is drawn at its edge.
 * @param {readonly Span[]} spans
 * @param {Parameters<typeof pathOf>[1]} box
 * @returns {string} for the attribute `d` of a path; empty without spans
 */
export function bandOf(spans, box) {
  if (spans.length === 0) return '';
  const upper = spans.map(({ x, most }) => ({ x, y: most }));
  const lower = spans.map(({ x, least }) => ({ x, y: least })).reverse();
  return `${pathOf([...upper, ...lower], box)}Z`;
}
