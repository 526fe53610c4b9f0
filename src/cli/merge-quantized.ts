import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StagedFolder } from '../atomic-files/index.ts';
import { mergeCheckpoint, type MergedAdapter } from '../adapter-files/index.ts';
import { openBaseModel, type BaseModel } from '../models/index.ts';
import { dequantizeBase, quantizationOf, quantizeBase } from '../quantize/index.ts';

export interface MergeQuantizedOptions {
  readonly base: BaseModel;
  readonly adapters: readonly MergedAdapter[];
  readonly output: string;
  /** Replaces the folder of another model. */
  readonly replace: boolean;
  readonly signal: AbortSignal;
  /** Checks the finished folder before it is published. If it throws, the folder is removed. */
  readonly check: (dir: string) => Promise<void>;
}

/**
 * Merges adapters into a quantized base. It dequantizes the base, merges, and quantizes the result in the same way. Meanwhile the floats
 * are stored beside the output, so the disk must have room for them twice.
 *
 * @throws EspalierError OUTPUT_EXISTS, OUTPUT_NOT_OURS, OUTPUT_BUSY, DISK_FULL, the errors of `mergeCheckpoint` and `quantizeBase`
 */
export async function mergeQuantized(options: MergeQuantizedOptions): Promise<{ readonly changed: number }> {
  const { base, adapters, signal, replace } = options;
  const settings = quantizationOf(base);
  if (settings === undefined) throw new TypeError('the base is not quantized');
  await using folder = await StagedFolder.begin(options.output, {
    replace: replace ? { kind: 'model', source: base.dir } : undefined,
    exclusive: true,
  });
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
