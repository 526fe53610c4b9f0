import { join } from 'node:path';
import { fingerprintKey, type BaseModel } from '../../../models/index.ts';
import { openSafetensors, streamSafetensors, type DataType, type TensorStream } from '../../../tensor/index.ts';
import { publishFolder } from '../../../atomic-files/index.ts';
import { copyOtherFiles, writeIndex } from './checkpoint-files.ts';
import type { MergeDtype } from './merge-dtype.ts';
import { mergedChunks } from './merged-chunks.ts';
import { planMerge, type MergePlan, type PlannedWeight } from './plan-merge.ts';
import type { MergedAdapter } from './weight-update.ts';

export interface MergeOptions {
  readonly base: BaseModel;
  readonly adapters: readonly MergedAdapter[];
  readonly output: string;
  /** Default: base. */
  readonly dtype?: MergeDtype;
  /** Whether to replace the folder of another model. */
  readonly replace?: boolean;
  /** Called after each weight. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Checks the finished folder before it is published. If it throws, nothing is left behind.
   *
   * @param dir  the present folder of the merged checkpoint
   */
  readonly check?: ((dir: string) => Promise<void>) | undefined;
}

/**
 * Writes a checkpoint with the base's weights plus the adapters' updates, in the same files as the base, and copies the other files of
 * the folder. It appears completely or not at all. Only a few rows of one weight are in memory at a time.
 *
 * If an adapter changes a head or an embedding that share a matrix, the two are written separately.
 *
 * @returns the number of changed weights
 * @throws EspalierError OUTPUT_EXISTS, OUTPUT_NOT_OURS, OUTPUT_BUSY, DISK_FULL, MERGE_UNSUPPORTED with everything that a checkpoint cannot store
 */
export async function mergeCheckpoint(options: MergeOptions): Promise<{ readonly changed: number }> {
  const { base, output, replace = false } = options;
  const plan = await planMerge(base, options.adapters);
  const fill = async (staging: string): Promise<void> => {
    await writeShards(staging, plan, options);
    await copyOtherFiles(base.dir, staging, { untied: plan.untied, dtype: options.dtype ?? 'base' });
    await options.check?.(staging);
  };
  await publishFolder(output, fill, {
    replace: replace ? { kind: 'model', source: base.dir } : undefined,
    exclusive: true,
  });
  return { changed: plan.weights.filter(({ update }) => update !== undefined).length };
}

async function writeShards(dir: string, plan: MergePlan, options: MergeOptions): Promise<void> {
  const { base, dtype = 'base', onProgress, signal } = options;
  let done = 0;
  const places = new Map<string, string>();
  const locations = [...new Set(plan.weights.map(({ location }) => location))];
  for (const location of locations) {
    const own = plan.weights.filter((weight) => weight.location === location);
    const source = join(base.dir, location);
    const streams = own.map((weight): [string, TensorStream] => {
      const target = targetType(weight, dtype);
      places.set(weight.name, location);
      const chunks = async function* (): AsyncGenerator<Uint8Array> {
        yield* mergedChunks(source, weight, { dtype: target, signal });
        onProgress?.(++done, plan.weights.length);
      };
      return [weight.name, { dtype: target, shape: weight.shape, chunks }];
    });
    // WHY without the fingerprint: the merged weights are another base.
    const { [fingerprintKey]: _, ...metadata } = (await openSafetensors(source)).metadata;
    await streamSafetensors(join(dir, location), streams, { metadata: { format: 'pt', ...metadata } });
  }
  if (locations.length > 1) await writeIndex(dir, places);
}

function targetType({ dtype }: PlannedWeight, wanted: MergeDtype): DataType {
  if (wanted === 'base' || !['float32', 'float16', 'bfloat16'].includes(dtype)) return dtype;
  return wanted === 'f32' ? 'float32' : 'bfloat16';
}
