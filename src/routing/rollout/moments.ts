/** Count, mean and sum of squared deviations of samples, without the samples (Welford 1962). Plain data that JSON holds exactly. */
export interface Moments {
  count: number;
  mean: number;
  squares: number;
}

export function createMoments(): Moments {
  return { count: 0, mean: 0, squares: 0 };
}

/** @param value  a finite number */
export function addSample(moments: Moments, value: number): void {
  moments.count++;
  const deviation = value - moments.mean;
  moments.mean += deviation / moments.count;
  moments.squares += deviation * (value - moments.mean);
}

/** Of the samples, with n - 1; Infinity while there are fewer than two. */
export function varianceOf({ count, squares }: Moments): number {
  return count < 2 ? Infinity : squares / (count - 1);
}
