// @ts-check
/** A worker thread that checks and hashes what it is told of, in the order of the messages. It is in shared memory, so nothing is copied. */
import { parentPort } from 'node:worker_threads';
import { bytesSteps, digestSteps } from './tensor-digest.js';

/** @typedef {import('./tensor-digest.js').TensorDigest} TensorDigest */
/** @typedef {{ bytes: Uint8Array } | { numbers: Float32Array, factor: number }} Job */

/** @param {{ jobs: readonly Job[] }} message */
function answer({ jobs }) {
  const steps = jobs.map((job) => ('bytes' in job ? bytesSteps(job.bytes) : digestSteps(job.numbers, job.factor)));
  parentPort?.postMessage({ digests: steps.map(finish) }, []);
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
