import { expect, it } from 'vitest';
import { fastestForm } from './fastest-form.ts';
import type { KernelSpeed } from './measure-kernels.ts';

type Pair = readonly [decode: number, prefill: number];

function speedsOf(given: { readonly int8: Pair; readonly eight: Pair; readonly four: Pair }): KernelSpeed[] {
  const speed = (form: KernelSpeed['form'], [decode, prefill]: Pair): KernelSpeed => ({ form, decode, prefill });
  // Floats are faster than all, and no choice of what is written.
  return [
    speed('float32', [1000, 1000]),
    speed('int8', given.int8),
    speed('8-bit blocks', given.eight),
    speed('4-bit blocks', given.four),
  ];
}

it.each([
  ['int8', { int8: [46, 128], eight: [40, 99], four: [40, 93] }],
  ['4-bit blocks', { int8: [20, 30], eight: [25, 30], four: [40, 60] }],
  ['8-bit blocks', { int8: [20, 30], eight: [40, 60], four: [20, 30] }],
  // Fast prompts do not make good for slow answers.
  ['8-bit blocks', { int8: [20, 200], eight: [40, 60], four: [20, 30] }],
  // As good as alike: the most exact one.
  ['8-bit blocks', { int8: [41, 61], eight: [40, 60], four: [41.5, 61] }],
] as const)('is %s where that takes least time, and the most exact of those alike', (form, speeds) => {
  expect(fastestForm(speedsOf(speeds))).toBe(form);
});
