import { expect, it } from 'vitest';

import { erf } from './erf.ts';

it.each([
  [0, 0],
  [1e-9, 1.1283791670955127e-9],
  [0.1, 0.1124629160182849],
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [2.5, 0.999593047982555],
  [-3, -0.9999779095030014],
  [7, 1],
])('the error function of %d is that of the C library', (x, expected) => {
  expect(Math.abs(erf(x) - expected)).toBeLessThan(2e-15);
});
