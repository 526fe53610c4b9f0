import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { decodeModel, type Model } from '../../../ir/index.ts';
import { runOnce, type Environment } from '../../../onnxruntime/index.ts';
import { elementCount, tensorOf, toFloat32, type DataType, type TensorData } from '../../../tensor/index.ts';

/**
 * Runs the file itself as its exporter intended: every token is real, and the past is empty.
 *
 * @param rows  i64 [batch, seq]
 * @returns f32 [batch, seq, vocab]
 */
export async function runFile(environment: Environment, path: string, rows: TensorData): Promise<Float32Array> {
  const bytes = await readFile(path);
  using session = await environment.createSession(bytes, { externalDataFolder: dirname(path) });
  const { logits } = await runOnce(session, feedsFor(decodeModel(bytes), rows), ['logits']);
  return logits ? toFloat32(logits) : new Float32Array();
}

/** Creates data for every input of a model: these ids, values that follow from them, and pseudo-random images and features. */
export function feedsFor({ graph }: Model, rows: TensorData): Record<string, TensorData> {
  const [batch = 0, seq = 0] = rows.shape;
  const feeds = graph.inputs.map(({ name, dtype = 'float32', shape = [] }): [string, TensorData] => {
    if (name === 'input_ids') return [name, rows];
    if (name === 'attention_mask') return [name, filled('int64', [batch, seq], () => 1)];
    if (name === 'token_type_ids') return [name, filled('int64', [batch, seq], () => 0)];
    if (name === 'position_ids') return [name, filled('int64', [batch, seq], (i) => i % seq)];
    if (name === 'use_cache_branch') return [name, tensorOf('bool', [1], [0])];
    // Keys and values are [batch, heads, past, headDim]. If a file does not state its head size, it accepts any size of an empty past.
    const isPast = name.startsWith('past');
    const dims = shape.map((dim, axis) =>
      isPast && axis === 2 ? 0 : typeof dim === 'number' ? dim : axis ? 16 : batch,
    );
    return [name, filled(dtype, dims, (i) => Math.sin(i))];
  });
  return Object.fromEntries(feeds);
}

function filled(dtype: DataType, shape: readonly number[], value: (index: number) => number): TensorData {
  const values = Array.from({ length: elementCount(shape) }, (_, i) => value(i));
  return dtype === 'int64' ? tensorOf('int64', shape, values) : tensorOf('float32', shape, values);
}
