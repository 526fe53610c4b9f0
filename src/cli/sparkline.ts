const levels = '▁▂▃▄▅▆▇█';

/**
 * Draws numbers as one line of text, from the least (▁) to the greatest (█). More numbers than fit are drawn as means of neighbours;
 * a number that is not finite is a gap.
 *
 * @param width  in characters
 */
export function sparkline(values: readonly number[], width: number): string {
  const columns = Math.min(width, values.length);
  const means = Array.from({ length: columns }, (_, column) => {
    const [start, end] = [column, column + 1].map((edge) => Math.floor((edge * values.length) / columns));
    const finite = values.slice(start, end).filter(Number.isFinite);
    return finite.reduce((sum, value) => sum + value, 0) / finite.length;
  });
  const drawn = means.filter(Number.isFinite);
  const [least, most] = [Math.min(...drawn), Math.max(...drawn)];
  const levelOf = (value: number): number =>
    most === least ? 0 : Math.round(((value - least) / (most - least)) * (levels.length - 1));
  return means.map((mean) => (Number.isFinite(mean) ? levels[levelOf(mean)] : ' ')).join('');
}
