import type { KernelForm } from './kernel-forms.ts';
import type { KernelSpeed } from './measure-kernels.ts';

/** A form of weights that `espalier quantize` writes. */
export type QuantizedForm = Exclude<KernelForm, 'float32'>;

/** By exactness: the first wins where speeds are alike. */
const quantizedForms = ['8-bit blocks', 'int8', '4-bit blocks'] as const satisfies readonly QuantizedForm[];

/** A less exact form must take at most this fraction of the time. WHY: times of the same form differ by a few per cent. */
const worthwhile = 0.95;

/**
 * The quantized form by which a machine is fastest, for as many tokens of prompts as of answers. Where two are alike, it is the more
 * exact one.
 */
export function fastestForm(speeds: readonly KernelSpeed[]): QuantizedForm {
  const timeOf = (wanted: QuantizedForm): number => {
    const speed = speeds.find(({ form }) => form === wanted);
    return speed === undefined ? Infinity : 1 / speed.decode + 1 / speed.prefill;
  };
  let [best] = quantizedForms as readonly [QuantizedForm, ...QuantizedForm[]];
  for (const form of quantizedForms) if (timeOf(form) < worthwhile * timeOf(best)) best = form;
  return best;
}
