import { join } from 'node:path';
import { breathe, EspalierError } from '../core/index.ts';
import {
  dequantizeFloat8,
  dequantizeGrouped,
  dequantizeMxfp4,
  dequantizeRows,
  type BaseModel,
  type WeightRef,
} from '../models/index.ts';
import { publishFolder } from '../atomic-files/index.ts';
import { writeSafetensorsInParts, type TensorLayout } from '../tensor/index.ts';
import { copyCompanions, rewriteConfig } from './checkpoint-folder.ts';
import { matrixModules, turnedMatrices } from './plan-quantization.ts';
import { WeightReader } from './weight-reader.ts';

/** Reads a weight as floats. A quantized weight is returned as f32 [rows, columns], whatever its shape in the checkpoint. */
export async function readDequantized(reader: WeightReader, ref: WeightRef): Promise<Float32Array> {
  const { quantized } = ref;
  if (quantized === undefined || quantized.kind === 'decoded') return reader.floats(ref);
  if (quantized.kind === 'float8') {
    const scales = await reader.floats(quantized.scales);
    return dequantizeFloat8(quantized, { packed: await reader.bytes(ref), scales });
  }
  if (quantized.kind === 'mxfp4') {
    const scales = await reader.bytes(quantized.scales);
    return dequantizeMxfp4(quantized, { packed: await reader.bytes(ref), scales });
  }
  if (quantized.kind === 'grouped') {
    const { scales, zeroPoints, order } = quantized;
    return dequantizeGrouped(quantized, {
      packed: await reader.bytes(ref),
      scales: await reader.floats(scales),
      zeroPoints: zeroPoints && (await reader.bytes(zeroPoints)),
      ...(order && { order: int32s(await reader.bytes(order)) }),
    });
  }
  const zeroPoints = quantized.kind === 'blocks' ? quantized.zeroPoints : undefined;
  return dequantizeRows(quantized, {
    packed: await reader.bytes(ref),
    scales: await reader.floats(quantized.scales),
    zeroPoints: zeroPoints && (await reader.bytes(zeroPoints)),
  });
}

/**
 * Writes the f32 checkpoint that is equivalent to a quantized one. Only the quantized base's rounding of activations is not reproduced.
 * @throws EspalierError OUTPUT_EXISTS, DISK_FULL, QUANTIZE_UNSUPPORTED
 */
export async function dequantizeBase(base: BaseModel, output: string): Promise<void> {
  const refs = [...base.weights];
  if (!refs.some(([, { quantized }]) => quantized)) {
    throw new EspalierError('QUANTIZE_UNSUPPORTED', { dir: base.dir, reason: 'it is not quantized' });
  }
  if (base.file !== undefined) {
    const reason = 'it is a GGUF file; take the checkpoint that it was made from';
    throw new EspalierError('QUANTIZE_UNSUPPORTED', { dir: base.dir, reason });
  }
  const turned = new Set([
    ...turnedMatrices(matrixModules(base)),
    ...refs.flatMap(([name, { quantized }]) => (quantized?.kind === 'mxfp4' && quantized.turned ? name : [])),
  ]);
  const shapeOf = (name: string, { quantized, shape }: WeightRef): readonly number[] => {
    if (quantized === undefined) return shape;
    const { rows, columns } = quantized;
    return turned.has(name) ? [columns, rows] : [rows, columns];
  };
  const tensors = refs.map(([name, ref]): [string, TensorLayout] => [
    name,
    { dtype: 'float32', shape: shapeOf(name, ref) },
  ]);
  await publishFolder(output, async (folder) => {
    await using reader = new WeightReader(base);
    await writeSafetensorsInParts(join(folder, 'model.safetensors'), tensors, async (writer) => {
      for (const [name, ref] of refs) {
        const values = await readDequantized(reader, ref);
        const { quantized } = ref;
        const placed = quantized && turned.has(name) ? turnedOver(values, quantized.columns) : values;
        await writer.write(name, 0, new Uint8Array(placed.buffer, placed.byteOffset, placed.byteLength));
        await breathe();
      }
    });
    await copyCompanions(base.dir, folder);
    await rewriteConfig(folder, (config) => delete config['quantization_config']);
  });
}

function int32s(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function turnedOver(values: Float32Array, columns: number): Float32Array {
  const rows = values.length / columns;
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? 0);
}
