import { expect, it } from 'vitest';

import { distanceBucket } from './mpnet.ts';

it('has a bucket for each small distance, and wider ones up to 128, on either side', () => {
  const starts = [8, 12, 16, 23, 32, 46, 64, 91];
  const bucketOf = (distance: number): number =>
    distance < 8 ? distance : 7 + starts.filter((start) => start <= distance).length;
  for (let distance = 1; distance < 600; distance++) {
    expect(distanceBucket(-distance)).toBe(bucketOf(distance));
    expect(distanceBucket(distance)).toBe(16 + bucketOf(distance));
  }
  expect(distanceBucket(0)).toBe(0);
});
