// @ts-check
/** A worker thread that checks and hashes the tensors of which it is told. They are in shared memory, so nothing is copied. */
import { parentPort } from 'node:worker_threads';
import { digestSteps } from './tensor-digest.js';

/** @typedef {import('./tensor-digest.js').TensorDigest} TensorDigest */

/** @param {{ id: number, tensors: readonly { numbers: Float32Array, factor: number }[] }} job */
function answer({ id, tensors }) {
  parentPort?.postMessage({ id, digests: tensors.map(({ numbers, factor }) => finish(digestSteps(numbers, factor))) });
}

/**
 * @param {Generator<void, TensorDigest, void>} steps
 * @returns {TensorDigest}
 */
function finish(steps) {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

parentPort?.on('message', answer);
