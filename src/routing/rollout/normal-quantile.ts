/**
 * The number that a standard normal variable exceeds with this probability.
 * @param tail  above 0 and at most 0.25
 */
export function normalQuantile(tail: number): number {
  let [least, most] = [0.5, 40];
  while (most - least > 1e-12 * most) {
    const middle = (least + most) / 2;
    if (upperTail(middle) > tail) least = middle;
    else most = middle;
    if (middle === least && middle === most) break;
  }
  return most;
}

/**
 * The number that a variable of Student's distribution exceeds with this probability, by the expansion around the normal quantile.
 * From 20 degrees of freedom on it is within 0.5 % for tails from 1e-6.
 * @see Abramowitz & Stegun 1964, 26.7.5
 */
export function studentQuantile(tail: number, degrees: number): number {
  const x = normalQuantile(tail);
  const square = x * x;
  const corrections = [
    (square + 1) / 4,
    ((5 * square + 16) * square + 3) / 96,
    (((3 * square + 19) * square + 17) * square - 15) / 384,
    ((((79 * square + 776) * square + 1482) * square - 1920) * square - 945) / 92_160,
  ];
  return corrections.reduce((sum, correction, i) => sum + (x * correction) / degrees ** (i + 1), x);
}

/** Laplace's continued fraction of Mills' ratio. @see Abramowitz & Stegun 1964, 26.2.14 */
function upperTail(x: number): number {
  let fraction = x;
  // More terms change less than 1e-9 of it.
  const terms = Math.ceil(200 / (x * x)) + 20;
  for (let i = terms; i >= 1; i--) fraction = x + i / fraction;
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI) / fraction;
}
