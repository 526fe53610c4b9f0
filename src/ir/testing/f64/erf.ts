/**
 * The error function to the precision of f64.
 *
 *   erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ·x^(2n+1) / (1·3·5 ⋯ (2n+1))
 *
 * WHY this series: its terms have one sign, so that nothing cancels.
 *
 * @see Abramowitz & Stegun, 7.1.6
 */
export function erf(x: number): number {
  // The rest of 1 is less than the last digit.
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
