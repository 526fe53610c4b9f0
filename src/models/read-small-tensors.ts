import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../core/index.ts';
import type { WeightRef } from './weight-ref.ts';

/** More than any vector of a known model takes. A larger tensor is not read, and so decides nothing. */
const maxBytes = 4 * 2 ** 20;

/**
 * Reads the vectors that decide how other tensors are read.
 *
 * @param pattern  of their names
 * @returns their bytes by name
 * @throws EspalierError MODEL_WEIGHTS_MISMATCH if a file has become shorter
 */
export async function readSmallTensors(
  dir: string,
  tensors: ReadonlyMap<string, WeightRef>,
  pattern: RegExp,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const wanted = [...tensors].filter(([name, { length }]) => pattern.test(name) && length <= maxBytes);
  const found = new Map<string, Uint8Array>();
  for (const location of new Set(wanted.map(([, ref]) => ref.location))) {
    await using file = await open(join(dir, location));
    for (const [name, ref] of wanted.filter(([, each]) => each.location === location)) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(ref.length), 0, ref.length, ref.offset);
      if (bytesRead < ref.length) {
        throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir, problems: `${location} ends within ${name}` });
      }
      found.set(name, buffer);
    }
  }
  return found;
}
