import { copyFile, open, readdir, readFile, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { breathe, EspalierError } from '../../core/index.ts';
import type { BaseModel, WeightRef } from '../../models/index.ts';
import {
  type DataType,
  elementSize,
  numberToBfloat16,
  numberToFloat16,
  type TensorData,
  toFloat32,
  writeSafetensors,
} from '../../tensor/index.ts';
import type { ParameterArena, ParameterEntry } from './parameter-arena.ts';
import { inSlices } from '../loop/slices.ts';

/** Number of elements that are read and converted at once. */
const pieceLength = 1 << 16;

/**
 * Reads weights of the base into their places in the arena, converted to f32.
 * @param entries  the parameters to read; default: all
 * @throws EspalierError MODEL_WEIGHTS_MISMATCH if a file has become shorter since it was opened
 */
export async function readFullWeights(
  base: BaseModel,
  arena: ParameterArena,
  entries: readonly ParameterEntry[] = arena.entries,
): Promise<void> {
  for (const entry of entries) {
    const ref = weightOf(base, entry);
    const file = await open(join(base.dir, ref.location));
    try {
      await readWeight(base, { ref, file, into: arena.view(entry) });
    } finally {
      await file.close();
    }
  }
}

function weightOf(base: BaseModel, { name }: ParameterEntry): WeightRef {
  const ref = base.weights.get(name);
  if (ref === undefined) throw new EspalierError('TRAIN_NO_PARAMETER', { name });
  return ref;
}

async function readWeight(
  base: BaseModel,
  { ref, file, into }: { ref: WeightRef; file: FileHandle; into: Float32Array },
): Promise<void> {
  const size = elementSize(ref.dtype);
  const piece = new Uint8Array(pieceLength * size);
  for (let start = 0; start < into.length; start += pieceLength) {
    const count = Math.min(pieceLength, into.length - start);
    const { bytesRead } = await file.read(piece, 0, count * size, ref.offset + start * size);
    if (bytesRead < count * size) {
      const problems = `${ref.location} ends within ${ref.name}`;
      throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir: base.dir, problems });
    }
    into.set(toFloat32({ dtype: ref.dtype, shape: [count], bytes: piece.subarray(0, count * size) }), start);
    await breathe();
  }
}

export interface SaveFullOptions {
  readonly base: BaseModel;
  readonly arena: ParameterArena;
  /** `float32`, or the type that each weight has in the base. */
  readonly dtype: 'float32' | 'base';
}

/**
 * Writes a whole Hugging Face folder: the trained weights in one `model.safetensors`, and all files of the base's folder that are not
 * weights (configuration, tokenizer). Tied weights stay tied: both have one tensor. Weights that no training changes are copied.
 *
 * @param dir  exists and is empty
 */
export async function saveFullModel(dir: string, { base, arena, dtype }: SaveFullOptions): Promise<void> {
  const tensors: [string, TensorData][] = [];
  for (const entry of arena.entries) {
    const target = dtype === 'base' ? weightOf(base, entry).dtype : 'float32';
    tensors.push([entry.name, await narrowed(arena.view(entry), entry.shape, target)]);
  }
  const trained = new Set(arena.entries.map(({ name }) => name));
  for (const [name, ref] of base.weights) if (!trained.has(name)) tensors.push([name, await storedTensor(base, ref)]);
  await writeSafetensors(join(dir, 'model.safetensors'), tensors, { metadata: { format: 'pt' } });
  for (const name of await companions(base.dir)) await copyFile(join(base.dir, name), join(dir, name));
  if (dtype === 'float32') await declareFloat32(join(dir, 'config.json'));
}

async function storedTensor(
  base: BaseModel,
  { location, offset, length, dtype, shape }: WeightRef,
): Promise<TensorData> {
  const bytes = new Uint8Array(length);
  await using file = await open(join(base.dir, location));
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  if (bytesRead < length) {
    const problems = `${location} has become shorter since it was opened`;
    throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir: base.dir, problems });
  }
  return { dtype, shape, bytes };
}

/** f32 → the bytes of `dtype`; f32 itself stays a view. */
async function narrowed(values: Float32Array, shape: readonly number[], dtype: DataType): Promise<TensorData> {
  if (dtype === 'float32') {
    return { dtype, shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
  }
  const narrow = dtype === 'bfloat16' ? numberToBfloat16 : numberToFloat16;
  const halves = new Uint16Array(values.length);
  await inSlices(values.length, (start, end) => {
    for (let i = start; i < end; i++) halves[i] = narrow(values[i] ?? 0);
  });
  return { dtype, shape, bytes: new Uint8Array(halves.buffer) };
}

/** The small files of the model and the tokenizer, which a reader of the folder needs besides weights. */
async function companions(dir: string): Promise<string[]> {
  const files = await readdir(dir, { withFileTypes: true });
  return files
    .filter((file) => file.isFile() || file.isSymbolicLink())
    .map(({ name }) => name)
    .filter((name) => /\.(json|txt|model|jinja)$/.test(name) && !name.endsWith('.index.json'));
}

/** Writes the type into the configuration. Otherwise a reader that uses the configuration's type would halve the precision. */
async function declareFloat32(path: string): Promise<void> {
  const config: unknown = JSON.parse(await readFile(path, 'utf8'));
  if (typeof config !== 'object' || config === null) return;
  for (const key of ['dtype', 'torch_dtype']) if (key in config) Reflect.set(config, key, 'float32');
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`);
}
