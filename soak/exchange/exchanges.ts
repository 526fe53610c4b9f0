import { closeSync, mkdirSync, openSync, symlinkSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { renameBy } from '../../src/native/index.ts';
import { openScratch } from '../root.ts';

/**
 * How a name is given another version. Only the first is right. The others wait between their steps for a reader to come, so that a busy
 * machine shows them wrong as surely as an idle one.
 */
export const writers = {
  'exchanges two links': (at) => {
    if (renameBy('exchange', at.link, at.spare) !== 'done') throw new Error('the file system exchanges no names');
  },
  'removes the link and makes another': (at, version, waitForRead) => {
    unlinkSync(at.link);
    waitForRead();
    symlinkSync(at.version(version), at.link);
  },
  'writes the files in place': (at, version, waitForRead) => {
    const { config, weights } = contentOf(version);
    overwrite(join(at.version(0), 'config'), config);
    waitForRead();
    overwrite(join(at.version(0), 'weights'), weights);
  },
} satisfies Record<string, (at: Places, version: number, waitForRead: () => void) => void>;

export type WriterName = keyof typeof writers;

interface Places {
  /** The name's link, and the one that it is exchanged with. */
  readonly link: string;
  readonly spare: string;
  version(number: number): string;
}

export interface ExchangeOptions {
  readonly exchanges: number;
  readonly reads: number;
  readonly writer: WriterName;
  /** How the readers find the two files. `path`, which is wrong, follows the link once for each. */
  readonly way: 'descriptor' | 'path';
}

export interface ExchangeCounts {
  readonly exchanges: number;
  readonly reads: number;
  /** Reads that found the files of two versions. */
  readonly mixed: number;
  /** Reads of a file that was not whole. */
  readonly torn: number;
  /** Reads that found nothing under the name. */
  readonly missing: number;
}

const readers = 2;
/** How long a wrong writer waits for a reader at most. */
const longestWaitMs = 20;
/** Places in the shared counts. `reader.js` has the same. */
const places = { reads: 0, mixed: 1, torn: 2, missing: 3, isOver: 4 };

/** Gives a name one of two versions in turns, while threads read both files of whatever it has. */
export async function exchange({ exchanges, reads, writer, way }: ExchangeOptions): Promise<ExchangeCounts> {
  await using scratch = await openScratch('exchange');
  const at = makePlaces(scratch.path);
  const counts = new Int32Array(new SharedArrayBuffer(4 * Object.keys(places).length));
  const threads = Array.from({ length: readers }, () => {
    return new Worker(new URL('reader.js', import.meta.url), { workerData: { link: at.link, way, counts } });
  });
  const failures: unknown[] = [];
  const ended = threads.map((thread) => {
    thread.on('error', (error) => failures.push(error));
    return new Promise((resolve) => thread.once('exit', resolve));
  });
  const read = (): number => Atomics.load(counts, places.reads);
  let done = 0;
  const waitForRead = (): void => {
    const [before, end] = [read(), performance.now() + longestWaitMs];
    // Two, because one may have begun before.
    while (read() < before + 2 && performance.now() < end) Atomics.wait(counts, places.isOver, 0, 0.1);
  };
  while ((done < exchanges || read() < reads) && failures.length === 0) {
    // The exchanges are spread evenly over the reads.
    for (; done < exchanges && done * reads <= read() * exchanges; done++)
      writers[writer](at, 1 - (done % 2), waitForRead);
    await new Promise((resolve) => setImmediate(resolve));
  }
  Atomics.store(counts, places.isOver, 1);
  await Promise.all(ended);
  if (failures.length > 0) throw failures[0];
  const of = (name: keyof typeof places): number => Atomics.load(counts, places[name]);
  return { exchanges: done, reads: read(), mixed: of('mixed'), torn: of('torn'), missing: of('missing') };
}

function makePlaces(folder: string): Places {
  const at: Places = {
    link: join(folder, 'active'),
    spare: join(folder, 'spare'),
    version: (number) => join(folder, `version-${number}`),
  };
  for (const version of [0, 1]) {
    mkdirSync(at.version(version));
    for (const [name, content] of Object.entries(contentOf(version)))
      writeFileSync(join(at.version(version), name), content);
  }
  symlinkSync(at.version(0), at.link);
  symlinkSync(at.version(1), at.spare);
  return at;
}

function overwrite(path: string, content: Uint8Array): void {
  const file = openSync(path, 'r+');
  writeSync(file, content, 0, content.length, 0);
  closeSync(file);
}

/** Every byte of both files tells the version. */
function contentOf(version: number): { readonly config: Uint8Array; readonly weights: Uint8Array } {
  return { config: new Uint8Array(200).fill(version + 1), weights: new Uint8Array(4096).fill(version + 1) };
}
