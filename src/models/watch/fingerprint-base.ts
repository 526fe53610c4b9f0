import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError, Sha256 } from '../../core/index.ts';
import type { BaseModel } from '../base-model.ts';
import { sampleContent } from './content-sample.ts';

/**
 * The identity of a base, in hexadecimal: the hash of its configuration, of where each weight lies and of what type and shape it is, and
 * of each file's size and a sample of its content. It costs milliseconds for any size. A change of weights that touches none of the
 * sampled blocks (64 of 4 KiB in each file) goes unnoticed, so that this tells bases apart and proves nothing.
 *
 * @throws EspalierError FILE_NOT_FOUND
 */
export async function fingerprintBase({
  dir,
  config,
  task,
  weights,
}: Pick<BaseModel, 'dir' | 'config' | 'task' | 'weights'>): Promise<string> {
  const hash = new Sha256();
  const add = (value: unknown): Promise<void> => hash.update(Buffer.from(`${JSON.stringify(value)}\n`));
  await add(['espalier base 1', task ?? 'causal-lm', Object.entries(config).sort(byName)]);
  const locations = new Set<string>();
  for (const [name, { location, offset, length, dtype, shape }] of [...weights].sort(byName)) {
    await add([name, location, offset, length, dtype, shape]);
    locations.add(location);
  }
  for (const location of [...locations].sort()) await add([location, ...(await contentOf(join(dir, location)))]);
  return hash.hex();
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : Number(a > b);
}

async function contentOf(path: string): Promise<[size: number, sample: string]> {
  await using file = await open(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'file of weights', path }, { cause });
  });
  const { size } = await file.stat();
  return [size, await sampleContent(file, size)];
}
