/** Draws lines. A chart is an image with a text for who cannot see it. */
import { bandOf, pathOf, rangeOf } from './decide/curves.js';
import { h, s } from './elements.js';

/** @typedef {import('./decide/curves.js').Point} Point */
/** @typedef {import('./decide/curves.js').Span} Span */

const size = { width: 560, height: 150, left: 52, right: 8, top: 8, bottom: 22 };

/**
 * @param {object} chart
 * @param {string} chart.title
 * @param {readonly { name: string, points: readonly Point[] }[]} chart.lines  at most two
 * @param {readonly Span[]} [chart.band]  between what and what the values of the first line may lie
 * @param {(value: number) => string} chart.format
 * @param {(x: number) => string} chart.formatX
 * @param {number | undefined} [chart.least]
 * @param {number | undefined} [chart.most]
 * @param {{ value: number, name: string } | undefined} [chart.limit]
 * @returns {HTMLElement}
 */
export function lineChart({ title, lines, band = [], format, formatX, least, most, limit }) {
  const all = lines.flatMap(({ points }) => points);
  // WHY not all of the band: where little is known it is so wide that the line would be flat.
  const between = band.at(-1);
  const ends = between ? [between.least, between.most] : [];
  const y = rangeOf([...all.map((point) => point.y), ...ends, ...(limit ? [limit.value] : [])], { least, most });
  const x = { from: Math.min(...all.map((point) => point.x)), to: Math.max(...all.map((point) => point.x)) };
  const last = lines.map(({ name, points }) => ({ name, value: points.at(-1)?.y }));
  const known = last.filter((one) => one.value !== undefined);
  const now = known.map(({ name, value }) => `${name ? `${name} ` : ''}${format(value ?? 0)}`).join(' · ');
  const spread = between ? `, between ${format(between.least)} and ${format(between.most)} with 95 %` : '';
  const told =
    known.length === 0
      ? 'no values yet'
      : `now ${now}${spread}${limit ? `; ${limit.name} ${format(limit.value)}` : ''}`;
  const box = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom, x, y };
  const grid = [y.from, (y.from + y.to) / 2, y.to].map((value) => gridLine(value, box, format));
  return h(
    'figure',
    { class: 'chart' },
    h('figcaption', {}, h('span', {}, title), h('b', {}, known.length === 0 ? '–' : now)),
    s(
      'svg',
      { viewBox: `0 0 ${size.width} ${size.height}`, role: 'img', 'aria-label': `${title}: ${told}` },
      ...grid,
      band.length > 0 &&
        s('path', { class: 'band', transform: `translate(${size.left} ${size.top})`, d: bandOf(band, box) }),
      limit && limitLine(limit, box),
      ...lines.map(({ points }, at) =>
        s('path', {
          class: at === 0 ? 'line' : 'line second',
          transform: `translate(${size.left} ${size.top})`,
          d: pathOf(points, box),
        }),
      ),
      ...(all.length === 0 ? [] : timeLabels(x, formatX)),
    ),
  );
}

/** @typedef {{ width: number, height: number, x: { from: number, to: number }, y: { from: number, to: number } }} Box */

/** @param {number} value @param {Box} box */
function heightOf(value, { height, y }) {
  return size.top + (1 - Math.min(1, Math.max(0, (value - y.from) / (y.to - y.from)))) * height;
}

/** @param {number} value @param {Box} box @param {(value: number) => string} format */
function gridLine(value, box, format) {
  const at = heightOf(value, box);
  return s(
    'g',
    {},
    s('line', { class: 'grid', x1: size.left, x2: size.width - size.right, y1: at, y2: at }),
    s('text', { x: size.left - 8, y: at + 4, 'text-anchor': 'end' }, format(value)),
  );
}

/** @param {{ value: number, name: string }} limit @param {Box} box */
function limitLine({ value }, box) {
  const at = heightOf(value, box);
  return s('line', { class: 'limit', x1: size.left, x2: size.width - size.right, y1: at, y2: at });
}

/** @param {{ from: number, to: number }} x @param {(x: number) => string} formatX */
function timeLabels({ from, to }, formatX) {
  const y = size.height - 5;
  return [
    s('text', { x: size.left, y }, formatX(from)),
    s('text', { x: size.width - size.right, y, 'text-anchor': 'end' }, formatX(to)),
  ];
}
