import { join } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import { isGgmlFloat, toFloat32, type DataType, type GgufValue } from '../../tensor/index.ts';
import type { BaseModel } from '../base-model.ts';
import { openDecoderOf } from '../decoder/open-decoder.ts';
import type { DecoderFamily } from '../decoder/families/decoder-family.ts';
import type { GenerationConfig } from '../generation-config.ts';
import { quantizableMatrices } from '../quantized/quantized-weight.ts';
import { readSmallTensors } from '../read-small-tensors.ts';
import type { ListedWeights } from '../weight-files.ts';
import type { WeightRef } from '../weight-ref.ts';
import { factorPattern, ggufConfig } from './gguf-config.ts';
import { ggufNames } from './gguf-names.ts';
import { ggufWeights } from './gguf-weights.ts';
import { openGgufFiles, type GgufModel, type PlacedTensor } from './open-gguf-files.ts';

/**
 * Opens a model in GGUF. Its settings and its tensors are read as those of a checkpoint, so that adapters have the same modules.
 *
 * @param path      the first file
 * @param familyOf  the family of a config.json
 * @throws EspalierError GGUF_MALFORMED, GGUF_UNSUPPORTED, and the errors of `openBaseModel`
 */
export async function openGguf(
  path: string,
  familyOf: (json: unknown, path: string) => DecoderFamily,
): Promise<BaseModel> {
  const model = await openGgufFiles(path);
  const { dir, file, metadata, tensors, locations } = model;
  const { json, listed } = readGguf(model, path, await readFactors(model));
  const base = await openDecoderOf({
    dir,
    path,
    family: familyOf(json, path),
    json,
    listed,
    generation: generationOf(metadata),
  });
  const problems = wrongSizes(base);
  if (problems.length > 0) throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir: path, problems });
  return { ...base, file, stored: { form: 'gguf', locations, tensors: new Map([...tensors].map(stored)) } };
}

/** What the headers of a GGUF model say, in the form of a checkpoint. */
export interface GgufDescription {
  /** The configuration as config.json has it. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly listed: Pick<ListedWeights, 'form' | 'tensors' | 'locations'>;
}

/** Reads the headers of a GGUF model. @param factors  its tensors that are settings @throws EspalierError GGUF_MALFORMED, GGUF_UNSUPPORTED */
export function readGguf(model: GgufModel, path: string, factors: ReadonlyMap<string, Float32Array>): GgufDescription {
  const { metadata, tensors, locations } = model;
  const type = metadata.get('general.type') ?? 'model';
  if (type !== 'model') {
    throw new EspalierError('GGUF_UNSUPPORTED', { path, reason: `its general.type is ${String(type)}, not model` });
  }
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const json = ggufConfig({ path, metadata, shapes, factors });
  const names = ggufNames.get(String(metadata.get('general.architecture')));
  if (names === undefined) throw new TypeError('every architecture with a configuration has names');
  const [heads, kvHeads] = [Number(json['num_attention_heads']), Number(json['num_key_value_heads'])];
  const weights = ggufWeights(model, { names, heads, kvHeads, settings: factorPattern });
  return { json, listed: { form: 'checkpoint', tensors: weights, locations } };
}

/** Quantized matrices of another size than their modules. Those of floats were compared already. */
export function wrongSizes({ modules, weights }: Pick<BaseModel, 'modules' | 'weights'>): string[] {
  const matrices = quantizableMatrices(modules);
  return [...weights].flatMap(([name, { quantized }]) => {
    if (quantized === undefined) return [];
    const [found, wanted] = [quantized, matrices.get(name)].map((size) => size && `[${size.rows}, ${size.columns}]`);
    return found === wanted ? [] : [`${name} is ${found}, expected ${wanted ?? 'floats'}`];
  });
}

/** A tensor as the fingerprint samples it: floats, or any bytes. */
function stored([name, { type, shape, location, offset, length }]: [string, PlacedTensor]): [string, WeightRef] {
  const isFloat = isGgmlFloat(type);
  const form: { dtype: DataType; shape: readonly number[] } = isFloat
    ? { dtype: type, shape }
    : { dtype: 'uint8', shape: [length] };
  return [name, { name, location, offset, length, ...form }];
}

async function readFactors({ dir, tensors }: GgufModel): Promise<Map<string, Float32Array>> {
  const refs = new Map([...tensors].map(stored));
  const small = await readSmallTensors(dir, refs, factorPattern);
  return new Map(
    [...small].flatMap(([name, bytes]): [string, Float32Array][] => {
      const ref = refs.get(name);
      return ref?.dtype === 'float32' ? [[name, toFloat32({ ...ref, bytes })]] : [];
    }),
  );
}

function generationOf(metadata: ReadonlyMap<string, GgufValue>): GenerationConfig {
  const id = (key: string): number[] => {
    const value = metadata.get(`tokenizer.ggml.${key}`);
    return typeof value === 'number' ? [value] : [];
  };
  const [bos] = id('bos_token_id');
  const ends = ['eos_token_id', 'eot_token_id', 'eom_token_id'].flatMap(id);
  return { ...(bos !== undefined && { bosTokenId: bos }), eosTokenIds: [...new Set(ends)] };
}

/** The path that names a base: its file, or its folder. The tokenizer is found there. */
export function basePath({ dir, file }: Pick<BaseModel, 'dir' | 'file'>): string {
  return file === undefined ? dir : join(dir, file);
}
