import { join } from 'node:path';
import {
  fingerprintBase,
  fingerprintKey,
  formatQuantization,
  type BaseModel,
  type QuantizationConfig,
} from '../models/index.ts';
import { publishFolder } from '../atomic-files/index.ts';
import { byteLength, writeSafetensorsInParts } from '../tensor/index.ts';
import { copyCompanions, rewriteConfig } from './checkpoint-folder.ts';
import { planQuantization, plannedTensors, type QuantizationSettings } from './plan-quantization.ts';
import { WeightReader } from './weight-reader.ts';
import { writeWeight } from './write-weights.ts';

export interface QuantizeOptions extends QuantizationSettings {
  /** How products with block-quantized weights treat their inputs. */
  readonly activations: QuantizationConfig['activations'];
  readonly signal?: AbortSignal;
  /** Called with the number of bytes of the source that are done. */
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
}

export interface QuantizeResult {
  /** Number of weights that were quantized, and number of weights that stayed floats. */
  readonly quantized: number;
  readonly kept: number;
  /** Bytes of all weights before and after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * Writes a copy of a checkpoint with quantized matrices, including all other files of its folder. One piece of one matrix is in memory
 * at a time; with `int8`, one whole matrix of bytes.
 *
 * @param output  a folder that does not exist yet; it appears whole or not at all
 * @throws EspalierError OUTPUT_EXISTS, OUTPUT_BUSY, DISK_FULL, QUANTIZE_UNSUPPORTED, QUANTIZE_KEEP_UNMATCHED; the reason of an abort
 */
export async function quantizeBase(base: BaseModel, output: string, options: QuantizeOptions): Promise<QuantizeResult> {
  const plan = planQuantization(base, options);
  const tensors = plan.flatMap(plannedTensors);
  const totalBytes = plan.reduce((sum, { ref }) => sum + ref.length, 0);
  const { signal, onProgress, blockSize, scheme, activations, bits } = options;
  const metadata = { format: 'pt', [fingerprintKey]: await fingerprintBase(base) };
  const fill = async (folder: string): Promise<void> => {
    await using reader = new WeightReader(base);
    let doneBytes = 0;
    const onPiece = (bytes: number): void => onProgress?.({ doneBytes: (doneBytes += bytes), totalBytes });
    const path = join(folder, 'model.safetensors');
    await writeSafetensorsInParts(
      path,
      tensors,
      async (writer) => {
        for (const planned of plan) await writeWeight(planned, { reader, writer, signal, onPiece });
      },
      { metadata },
    );
    await copyCompanions(base.dir, folder);
    await rewriteConfig(folder, (config) => {
      config['quantization_config'] = formatQuantization({ scheme, blockSize, activations }, bits);
    });
  };
  await publishFolder(output, fill, { exclusive: true });
  const kept = plan.filter(({ kind }) => kind === 'kept').length;
  const bytesAfter = tensors.reduce((sum, [, { dtype, shape }]) => sum + byteLength(dtype, shape), 0);
  return { quantized: plan.length - kept, kept, bytesBefore: totalBytes, bytesAfter };
}
