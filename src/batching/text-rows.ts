import { EspalierError } from '../core/index.ts';
import type { AdapterLease } from '../routing/index.ts';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import type { InferenceModel } from './inference-model.ts';
import type { ResidentAdapter } from './model-adapters.ts';

export interface TextRowsOptions {
  /** Serves a graph: `input_ids` and `attention_mask` i64 [batch, seq] in, and one row f32 [batch, width] for each text out. */
  readonly model: Pick<InferenceModel, 'infer'>;
  readonly padTokenId: number;
  readonly vocabSize: number;
  /** Maximum number of tokens of a text. */
  readonly maxLength: number;
}

export interface TextRowsCall {
  /** The lease of the adapter, which the caller owns. Default: the base. */
  readonly adapter?: AdapterLease<ResidentAdapter> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A text as token ids, including the special tokens of the tokenizer. */
export interface TextRow {
  readonly ids: readonly number[];
  /** The segment of each token, for a graph with the input `token_type_ids`. */
  readonly typeIds?: readonly number[] | undefined;
}

export interface TextResult {
  readonly values: Float32Array;
  /** The SHA-256 of the adapter's content; undefined for the base. */
  readonly adapterVersion: string | undefined;
}

/** Texts of similar length share a batch: each is padded to a multiple of this number of tokens, and the mask excludes the padding. */
const lengthStep = 16;

/**
 * Runs texts through a graph that gives each a row of numbers, all with the same version of the adapter. Texts that are requested at the
 * same time run together. If one fails, the others are given up.
 *
 * @param output  the name of the graph's output
 * @param param   the field of the request that contains the texts
 * @throws EspalierError PROMPT_EMPTY, REQUEST_INVALID, TOKEN_OUT_OF_RANGE, and the errors of `InferenceModel.infer`
 */
export async function runTextRows(
  options: TextRowsOptions,
  texts: readonly TextRow[],
  { output, param, adapter, signal }: TextRowsCall & { readonly output: string; readonly param: string },
): Promise<TextResult[]> {
  for (const [place, { ids }] of texts.entries()) check(options, ids, `${param}.${place}`);
  const leaving = new AbortController();
  const either = signal === undefined ? leaving.signal : AbortSignal.any([signal, leaving.signal]);
  const asked = texts.map((text) => runOne(options, text, { output, adapter, signal: either }));
  try {
    return await Promise.all(asked);
  } catch (error) {
    leaving.abort(error);
    throw error;
  }
}

function check({ maxLength, vocabSize }: TextRowsOptions, tokens: readonly number[], param: string): void {
  if (tokens.length === 0) throw new EspalierError('PROMPT_EMPTY', {});
  if (tokens.length > maxLength) {
    const problem = `it has ${tokens.length} tokens, and the model reads at most ${maxLength}`;
    throw new EspalierError('REQUEST_INVALID', { param, problem });
  }
  const index = tokens.findIndex((token) => !Number.isSafeInteger(token) || token < 0 || token >= vocabSize);
  if (index < 0) return;
  throw new EspalierError('TOKEN_OUT_OF_RANGE', { index, token: tokens[index] ?? '', last: vocabSize - 1 });
}

async function runOne(
  { model, padTokenId, maxLength }: TextRowsOptions,
  { ids, typeIds }: TextRow,
  { output, adapter, signal }: TextRowsCall & { readonly output: string },
): Promise<TextResult> {
  const length = Math.min(maxLength, Math.ceil(ids.length / lengthStep) * lengthStep);
  const row = (value: (i: number) => number) =>
    tensorOf(
      'int64',
      [1, length],
      Array.from({ length }, (_, i) => value(i)),
    );
  const inputs = new Map([
    ['input_ids', row((i) => ids[i] ?? padTokenId)],
    ['attention_mask', row((i) => (i < ids.length ? 1 : 0))],
  ]);
  if (typeIds !== undefined)
    inputs.set(
      'token_type_ids',
      row((i) => typeIds[i] ?? 0),
    );
  const { outputs, adapterVersion } = await model.infer({
    inputs,
    outputs: [output],
    ...(adapter === undefined ? {} : { adapter }),
    ...(signal === undefined ? {} : { signal }),
  });
  const values = outputs.get(output);
  if (values === undefined) throw new RangeError(`The model gave no ${output}`);
  return { values: toFloat32(values), adapterVersion };
}
