import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Bytes of physical memory that this process has after everything that can be collected was. */
export async function residentBytes(): Promise<number> {
  collect ??= collector();
  for (let i = 0; i < 2; i++) {
    collect();
    // Address ranges are given back by finalizers, which run in turns of their own.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const text = readFileSync('/proc/self/smaps_rollup', 'utf8');
  return Number(/^Rss:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
}

function collector(): () => void {
  setFlagsFromString('--expose_gc');
  const gc: unknown = runInNewContext('gc');
  if (typeof gc !== 'function') throw new Error('the garbage collector cannot be called');
  return () => void gc();
}
