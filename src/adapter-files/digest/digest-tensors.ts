import { finishInSlices } from '../../core/index.ts';
import { type DigestJob, digestOnWorkers } from './digest-workers.ts';
import { digestSteps, type TensorDigest } from './tensor-digest.js';

/** Adapters with fewer numbers take less time than handing them to another thread is worth. */
const leastNumbers = 2 ** 19;

/** Checks and hashes the numbers of tensors: large ones in shared memory on other threads, and others in slices. */
export async function digestTensors(tensors: readonly DigestJob[]): Promise<readonly TensorDigest[]> {
  const total = tensors.reduce((sum, { numbers }) => sum + numbers.length, 0);
  const areShared = tensors.every(({ numbers }) => numbers.buffer instanceof SharedArrayBuffer);
  if (areShared && total >= leastNumbers) return digestOnWorkers(tensors);
  const digests: TensorDigest[] = [];
  for (const { numbers, factor } of tensors) digests.push(await finishInSlices(digestSteps(numbers, factor)));
  return digests;
}
