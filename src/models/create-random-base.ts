import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { EspalierError } from '../core/index.ts';
import { byteLength, writeSafetensors, type TensorData } from '../tensor/index.ts';
import type { GenerationConfig } from './generation-config.ts';
import type { DecoderConfig } from './decoder/decoder-config.ts';
import { decoderWeightShapes } from './decoder/decoder-weights.ts';
import { describeRandomBase, formatRandomBase, type RandomBaseConfig } from './random-base-config.ts';
import type { FloatType } from './non-finite.ts';
import { constantWeight, normalQuantiles, randomWeight, type RandomWeight } from './random-weights.ts';

export interface RandomBaseOptions {
  readonly config: RandomBaseConfig;
  /** The folder to write. It is created if it does not exist. Other files in it, such as a tokenizer, are not changed. */
  readonly dir: string;
  /** The seed determines every weight. */
  readonly seed: number;
  /** Default: float32. */
  readonly dtype?: FloatType;
  readonly generation?: GenerationConfig;
  /** The maximum size of a file of weights. One file at a time is held in memory. Default: 512 MiB. */
  readonly maxFileBytes?: number;
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
}

/**
 * Writes a checkpoint with random weights: matrices are normal with the configuration's standard deviation, norms have no effect, biases
 * are 0. The same configuration, seed and dtype give the same bytes. `config.json` is written last, so a folder that has it is complete.
 *
 * @throws EspalierError OUTPUT_EXISTS when the folder already contains a model; MODEL_CONFIG_INVALID
 */
export async function createRandomBase(options: RandomBaseOptions): Promise<void> {
  const { config, dir, dtype = 'float32', generation } = options;
  const configPath = join(dir, 'config.json');
  const json = formatRandomBase(config, { dtype, generation });
  const description = describeRandomBase(config, json, configPath);
  for (const name of ['config.json', 'model.safetensors', 'model.safetensors.index.json'])
    await refuseExisting(join(dir, name));
  await mkdir(dir, { recursive: true });
  await writeWeights(description, options);
  if (generation) await writeJson(join(dir, 'generation_config.json'), specialTokens(generation));
  await writeJson(configPath, json);
}

async function refuseExisting(path: string): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists) throw new EspalierError('OUTPUT_EXISTS', { path });
}

function writeJson(path: string, json: unknown): Promise<void> {
  return writeFile(path, `${JSON.stringify(json, undefined, 2)}\n`);
}

async function writeWeights(description: DecoderConfig, options: RandomBaseOptions): Promise<void> {
  const { config, dir, seed, dtype = 'float32', maxFileBytes = 512 * 2 ** 20, onProgress } = options;
  const shapes = decoderWeightShapes(description);
  const files = splitIntoFiles(shapes, { dtype, maxFileBytes });
  const totalBytes = [...shapes.values()].reduce((sum, shape) => sum + byteLength(dtype, shape), 0);
  const norm = 1 - (description.lastNorm?.offset ?? 0);
  const random = { dtype, deviation: config.initializerRange, seed, quantiles: normalQuantiles(), norm };
  const places: Record<string, string> = {};
  let doneBytes = 0;
  for (const [index, names] of files.entries()) {
    const file = fileName(index, files.length);
    const tensors: [string, TensorData][] = [];
    for (const name of names) {
      const tensor = await freshWeight(name, { ...random, shape: shapes.get(name) ?? [] });
      tensors.push([name, tensor]);
      places[name] = file;
      onProgress?.({ doneBytes: (doneBytes += tensor.bytes.byteLength), totalBytes });
    }
    await writeSafetensors(join(dir, file), tensors, { metadata: { format: 'pt' } });
  }
  if (files.length === 1) return;
  await writeJson(join(dir, 'model.safetensors.index.json'), {
    metadata: { total_size: totalBytes },
    weight_map: places,
  });
}

/** Where the parameters of xIELU begin: softplus(alpha_p) = 0.8 and beta + softplus(alpha_n) = 0.8. */
const xieluStart: Readonly<Record<string, number>> = {
  alpha_p: Math.log(Math.expm1(0.8)),
  alpha_n: Math.log(Math.expm1(0.3)),
  beta: 0.5,
  eps: -1e-6,
};

/** The parameters of recurrent layers: a state that is halved by about one token, and a step near 1. */
const recurrentStart: Readonly<Record<string, number>> = { A_log: 0, D: 1, dt_bias: 0.5 };

async function freshWeight(
  name: string,
  { norm, ...random }: Omit<RandomWeight, 'stream'> & { readonly norm: number },
): Promise<TensorData> {
  const fixed = xieluStart[name.slice(name.lastIndexOf('.') + 1)];
  if (name.includes('.act_fn.') && fixed !== undefined) return constantWeight({ ...random, value: fixed });
  const recurrent = recurrentStart[name.slice(name.lastIndexOf('.') + 1)];
  if (recurrent !== undefined) return constantWeight({ ...random, value: recurrent });
  if (/\.(bias|sinks|e_score_correction_bias)$/.test(name)) return constantWeight({ ...random, value: 0 });
  // The norms within recurrent layers are not relative to 1, whatever those of the family are.
  const isInner = /\.(linear_attn|mamba)\.norm\.weight$/.test(name);
  if (random.shape.length === 1) return constantWeight({ ...random, value: isInner ? 1 : norm });
  return randomWeight({ ...random, stream: `init/${name}` });
}

/** Distributes the weights, in order, over files of at most `maxFileBytes`. A weight that is larger gets a file of its own. */
function splitIntoFiles(
  shapes: ReadonlyMap<string, readonly number[]>,
  { dtype, maxFileBytes }: { dtype: FloatType; maxFileBytes: number },
): string[][] {
  const files: string[][] = [[]];
  let size = 0;
  for (const [name, shape] of shapes) {
    const bytes = byteLength(dtype, shape);
    if (size > 0 && size + bytes > maxFileBytes) {
      files.push([]);
      size = 0;
    }
    files.at(-1)?.push(name);
    size += bytes;
  }
  return files;
}

function fileName(index: number, count: number): string {
  if (count === 1) return 'model.safetensors';
  const [number, of] = [index + 1, count].map((value) => String(value).padStart(5, '0'));
  return `model-${number}-of-${of}.safetensors`;
}

function specialTokens({ bosTokenId, eosTokenIds }: GenerationConfig): Record<string, unknown> {
  return { bos_token_id: bosTokenId, eos_token_id: eosTokenIds.length === 1 ? eosTokenIds[0] : eosTokenIds };
}
