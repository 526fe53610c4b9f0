// @ts-check
/** A thread that makes calls of the system for the others, job by job, in the order of the messages. */
import { parentPort } from 'node:worker_threads';
import * as namespace from './disk-calls.js';

const calls = { ...namespace };

/** @typedef {import('./disk-threads.ts').DiskJob} DiskJob */

/** @param {{ jobs: readonly DiskJob[] }} message */
function answer({ jobs }) {
  for (const job of jobs) answerOne(job);
}

/** @param {DiskJob} job */
function answerOne([name, args]) {
  try {
    const result = Reflect.apply(calls[name], undefined, args);
    parentPort?.postMessage({ result }, ownBuffers(result));
  } catch (error) {
    parentPort?.postMessage({ failure: described(error) }, []);
  }
}

/**
 * The memory of what was read, which is handed over and not copied.
 * @param {unknown} result
 * @returns {ArrayBuffer[]}
 */
function ownBuffers(result) {
  const read = result instanceof Uint8Array ? [result] : contentsOf(result);
  return read.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : []));
}

/** @param {unknown} result @returns {Uint8Array[]} */
function contentsOf(result) {
  if (typeof result !== 'object' || result === null || !('contents' in result)) return [];
  const { contents } = result;
  return contents instanceof Map ? [...contents.values()].filter((bytes) => bytes instanceof Uint8Array) : [];
}

/**
 * An error with what callers tell it by. WHY not the error itself: a copy of it on another thread would have lost its code.
 * @param {unknown} error
 * @returns {Record<string, unknown>}
 */
function described(error) {
  if (!(error instanceof Error)) return { message: String(error) };
  const { message, cause } = error;
  return { ...error, message, ...(cause instanceof Error && { cause: described(cause) }) };
}

parentPort?.on('message', answer);
