import { randomUUID } from 'node:crypto';
import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EspalierError } from '../core/index.ts';
import { mergeCheckpoint, type MergedAdapter } from '../adapters/index.ts';
import { openBaseModel, type BaseModel } from '../models/index.ts';
import { dequantizeBase, quantizationOf, quantizeBase } from '../quantize/index.ts';

export interface MergeQuantizedOptions {
  readonly base: BaseModel;
  readonly adapters: readonly MergedAdapter[];
  readonly output: string;
  /** Take the place of a folder that is there. */
  readonly replace: boolean;
  readonly signal: AbortSignal;
  /** Looks at the finished folder before it takes its place; what it throws leaves nothing behind. */
  readonly check: (dir: string) => Promise<void>;
}

/**
 * Merges adapters into a quantized base: into the floats that it stands for, which are then quantized as it is. The floats lie
 * beside the output meanwhile, so that the disk must have room for them twice.
 *
 * @throws EspalierError OUTPUT_EXISTS, those of `mergeCheckpoint` and `quantizeBase`
 */
export async function mergeQuantized(options: MergeQuantizedOptions): Promise<{ readonly changed: number }> {
  const { base, adapters, signal, replace } = options;
  const settings = quantizationOf(base);
  if (settings === undefined) throw new TypeError('the base is not quantized');
  const output = resolve(options.output);
  const isThere = await lstat(output).then(
    () => true,
    () => false,
  );
  if (isThere && !replace) throw new EspalierError('OUTPUT_EXISTS', { path: options.output });
  const folder = join(dirname(output), `.${basename(output)}.${randomUUID()}`);
  const [floats, merged, quantized] = ['floats', 'merged', 'quantized'].map((name) => join(folder, name));
  if (floats === undefined || merged === undefined || quantized === undefined) throw new TypeError('there are three');
  try {
    await mkdir(folder, { recursive: true });
    await dequantizeBase(base, floats);
    const source = await openBaseModel(floats);
    const { changed } = await mergeCheckpoint({ base: source, adapters, output: merged, dtype: 'f32', signal });
    await rm(floats, { recursive: true });
    await quantizeBase(await openBaseModel(merged), quantized, { ...settings, signal });
    await options.check(quantized);
    if (isThere) await rm(output, { recursive: true });
    await rename(quantized, output);
    return { changed };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
