/** What two looks at counters say. Pure functions. */

/** Rates are of the looks of so many milliseconds. */
const windowMs = 15_000;

/** Most looks that are kept: ten minutes. */
export const maxLooks = 300;

/**
 * @template Value
 * @typedef {{ time: number, value: Value }} Look
 */

/**
 * Adds a look; the oldest makes place.
 * @template Value
 * @param {readonly Look<Value>[]} looks
 * @param {Look<Value>} next
 * @returns {Look<Value>[]}
 */
export function addLook(looks, next) {
  return [...looks.slice(-(maxLooks - 1)), next];
}

/**
 * By how much a counter grew a second, over the last seconds. A counter that became smaller began anew with its server: what came before
 * does not count.
 * @template Value
 * @param {readonly Look<Value>[]} looks
 * @param {(value: Value) => number | undefined} counter
 * @returns {number | undefined} undefined until there are two looks
 */
export function rateOf(looks, counter) {
  const last = looks.at(-1);
  const end = last && counter(last.value);
  if (last === undefined || end === undefined) return undefined;
  let start = last;
  let least = end;
  for (let at = looks.length - 2; at >= 0; at--) {
    const look = looks[at];
    const value = look && counter(look.value);
    if (look === undefined || value === undefined || value > least || last.time - look.time > windowMs) break;
    [start, least] = [look, value];
  }
  return start === last ? undefined : ((end - least) * 1000) / (last.time - start.time);
}

/**
 * The rate between each two looks, as a line.
 * @template Value
 * @param {readonly Look<Value>[]} looks
 * @param {(value: Value) => number | undefined} counter
 * @returns {{ x: number, y: number }[]}
 */
export function rateLine(looks, counter) {
  /** @type {{ x: number, y: number }[]} */
  const points = [];
  for (let at = 1; at < looks.length; at++) {
    const [before, now] = [looks[at - 1], looks[at]];
    if (before === undefined || now === undefined) continue;
    const [from, to] = [counter(before.value), counter(now.value)];
    if (from === undefined || to === undefined || to < from || now.time <= before.time) continue;
    points.push({ x: now.time, y: ((to - from) * 1000) / (now.time - before.time) });
  }
  return points;
}
