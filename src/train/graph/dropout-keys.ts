import { dropoutKeys } from '../../lora/index.ts';
import { elementCount, tensorOf, type TensorData } from '../../tensor/index.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import type { PassPlace } from './passes.ts';

/** Most keys of a batch. Further rows use the same keys again. */
const maxKeys = 1 << 16;

/** The dropout keys of a batch's rows. The number of elements of the largest input bounds the number of rows. */
export function keysOf(
  feeds: MicroBatch['feeds'],
  { seed, step, microBatch }: PassPlace & { readonly seed: number },
): TensorData {
  const rows = Math.max(1, ...[...feeds.values()].map(({ shape }) => elementCount(shape)));
  const count = Math.min(rows, maxKeys);
  return tensorOf('int32', [count], dropoutKeys(count, { seed, stream: `dropout/${step}/${microBatch}` }));
}
