import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StagedFolder } from '../files/index.ts';
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
 * @throws EspalierError OUTPUT_EXISTS, OUTPUT_BUSY, DISK_FULL, those of `mergeCheckpoint` and `quantizeBase`
 */
export async function mergeQuantized(options: MergeQuantizedOptions): Promise<{ readonly changed: number }> {
  const { base, adapters, signal, replace } = options;
  const settings = quantizationOf(base);
  if (settings === undefined) throw new TypeError('the base is not quantized');
  await using folder = await StagedFolder.begin(options.output, { replace, exclusive: true });
  const [floats, merged, quantized] = ['floats', 'merged', 'quantized'].map((name) => join(folder.staging, name));
  if (floats === undefined || merged === undefined || quantized === undefined) throw new TypeError('there are three');
  try {
    await dequantizeBase(base, floats);
    const source = await openBaseModel(floats);
    const { changed } = await mergeCheckpoint({ base: source, adapters, output: merged, dtype: 'f32', signal });
    await rm(floats, { recursive: true });
    await quantizeBase(await openBaseModel(merged), quantized, { ...settings, signal });
    await options.check(quantized);
    await folder.publish(quantized);
    return { changed };
  } catch (error) {
    throw await folder.explain(error);
  }
}
