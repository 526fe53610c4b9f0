/** A line or a cloud of points of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly form: 'line' | 'dots';
}

export interface ChartOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
}

const [width, height] = [640, 300];
const frame = { left: 64, right: 16, top: 12, bottom: 44 };
/** More points than this are thinned, so that the page stays light. */
const mostPoints = 1500;

/**
 * Draws a chart as SVG. Colours come from the page's style (`.s0`, `.s1`, ...), so that it fits light and dark pages. The figures are
 * also in the page's tables, for those who do not see it.
 */
export function chartSvg({ title, x, y, series }: ChartOptions): string {
  const points = series.flatMap((one) => one.points);
  const [xTicks, yTicks] = [ticksTo(largest(points, 0)), ticksTo(largest(points, 1))];
  const [xMost, yMost] = [xTicks.at(-1) ?? 1, yTicks.at(-1) ?? 1];
  const px = (value: number): number => frame.left + (value / xMost) * (width - frame.left - frame.right);
  const py = (value: number): number => height - frame.bottom - (value / yMost) * (height - frame.top - frame.bottom);
  const grid = [
    ...yTicks.map((tick) => gridLine([frame.left, py(tick)], [width - frame.right, py(tick)])),
    ...yTicks.map((tick) => label(tick, frame.left - 6, py(tick) + 4, 'end')),
    ...xTicks.map((tick) => label(tick, px(tick), height - frame.bottom + 16, 'middle')),
  ];
  const drawn = series.map((one, place) => draw(one, `s${place % 6}`, px, py));
  const names = `<text class="axis" x="${(frame.left + width) / 2}" y="${height - 6}" text-anchor="middle">${escapeHtml(x)}</text>
<text class="axis" transform="translate(14 ${height / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(y)}</text>`;
  return `<figure><figcaption>${escapeHtml(title)}${legend(series)}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">
${[...grid, ...drawn].join('\n')}
${names}
</svg></figure>`;
}

function legend(series: readonly Series[]): string {
  if (series.length < 2) return '';
  return series.map(({ name }, i) => ` <span class="key s${i % 6}">${escapeHtml(name)}</span>`).join('');
}

type Place = (value: number) => number;

function draw({ points, form }: Series, style: string, px: Place, py: Place): string {
  const kept = thinned(points);
  if (form === 'dots') {
    return kept.map(([x, y]) => `<circle class="${style}" cx="${round(px(x))}" cy="${round(py(y))}" r="2"/>`).join('');
  }
  const path = kept.map(([x, y]) => `${round(px(x))},${round(py(y))}`).join(' ');
  return `<polyline class="${style}" points="${path}"/>`;
}

function gridLine([x1, y1]: readonly [number, number], [x2, y2]: readonly [number, number]): string {
  return `<line class="grid" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

function label(value: number, x: number, y: number, anchor: string): string {
  return `<text class="tick" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${value}</text>`;
}

function thinned<T>(points: readonly T[]): readonly T[] {
  const step = Math.ceil(points.length / mostPoints);
  return step <= 1 ? points : points.filter((_, i) => i % step === 0 || i === points.length - 1);
}

function largest(points: readonly (readonly [number, number])[], axis: 0 | 1): number {
  return points.reduce((most, point) => (Number.isFinite(point[axis]) ? Math.max(most, point[axis]) : most), 0);
}

/** From 0 to at least `most`, about five round numbers. */
export function ticksTo(most: number): number[] {
  if (most <= 0) return [0, 1];
  const power = 10 ** Math.floor(Math.log10(most / 5));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => most / size <= 5) ?? 10 * power;
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
