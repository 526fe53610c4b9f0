// A thread that reads the two files of an adapter again and again, through a link that is exchanged meanwhile. WHY JavaScript: threads are
// started from the file itself, also where the tests run on the sources.
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

/** @type {{ link: string, way: 'descriptor' | 'path', counts: Int32Array }} */
const { link, way, counts } = workerData;
// Indices of `counts`; see exchanges.ts.
const [reads, mixed, torn, missing, isOver] = [0, 1, 2, 3, 4];

// Each byte of a whole file tells the version.
const whole = [1, 2].map((version) => ({ config: Buffer.alloc(200, version), weights: Buffer.alloc(4096, version) }));
const [config, weights] = [Buffer.alloc(201), Buffer.alloc(4097)];

while (Atomics.load(counts, isOver) === 0) {
  const isThere = readBoth();
  Atomics.add(counts, reads, 1);
  const first = isThere && whole.findIndex((version) => version.config.equals(config.subarray(0, 200)));
  const second = isThere && whole.findIndex((version) => version.weights.equals(weights.subarray(0, 4096)));
  if (!isThere) Atomics.add(counts, missing, 1);
  else if (first < 0 || second < 0) Atomics.add(counts, torn, 1);
  else if (first !== second) Atomics.add(counts, mixed, 1);
}

/** @returns false if there is nothing under the name */
function readBoth() {
  try {
    if (way === 'path') {
      readInto(config, `${link}/config`);
      readInto(weights, `${link}/weights`);
      return true;
    }
    // As the product reads: the folder is opened once, and its files are found through its descriptor.
    const folder = openSync(link, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      readInto(config, `/proc/self/fd/${folder}/config`);
      readInto(weights, `/proc/self/fd/${folder}/weights`);
      return true;
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return false;
  }
}

/** A file that is shorter leaves a zero at the end, and a longer one fills the last byte: neither is a whole file. */
function readInto(buffer, path) {
  buffer.fill(0);
  const file = openSync(path, 'r');
  try {
    if (readSync(file, buffer, 0, buffer.length, 0) === buffer.length) buffer.fill(0);
  } finally {
    closeSync(file);
  }
}
