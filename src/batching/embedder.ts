import { EspalierError } from '../core/index.ts';
import type { AdapterLease } from '../routing/index.ts';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import type { InferenceModel } from './inference-model.ts';
import type { ResidentAdapter } from './model-adapters.ts';

export interface EmbedderOptions {
  /** Serves the embedding graph: `input_ids` and `attention_mask` i64 [batch, seq] in, `embeddings` f32 [batch, width] out. */
  readonly model: Pick<InferenceModel, 'infer'>;
  readonly padTokenId: number;
  readonly vocabSize: number;
  /** Maximum number of tokens of a text. */
  readonly maxLength: number;
}

export interface EmbedOptions {
  /** The lease of the adapter, which the caller owns. Default: the base. */
  readonly adapter?: AdapterLease<ResidentAdapter> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Embedding {
  readonly vector: Float32Array;
  /** The SHA-256 of the adapter's content; undefined for the base. */
  readonly adapterVersion: string | undefined;
}

/** Texts of similar length share a batch: each is padded to a multiple of this number of tokens, and the mask excludes the padding. */
const lengthStep = 16;

/** Computes the vectors of texts, given as token ids. Texts that are requested at the same time run together. */
export class Embedder {
  readonly maxLength: number;
  readonly #options: EmbedderOptions;

  constructor(options: EmbedderOptions) {
    this.#options = options;
    this.maxLength = options.maxLength;
  }

  /**
   * Computes the vectors of some texts, all with the same version of the adapter.
   *
   * @param texts  the token ids of each text, including the special tokens of the tokenizer
   * @throws EspalierError PROMPT_EMPTY, REQUEST_INVALID, TOKEN_OUT_OF_RANGE, and the errors of `InferenceModel.infer`
   */
  async embed(texts: readonly (readonly number[])[], { adapter, signal }: EmbedOptions = {}): Promise<Embedding[]> {
    for (const [place, tokens] of texts.entries()) this.#check(tokens, place);
    const leaving = new AbortController();
    const either = signal === undefined ? leaving.signal : AbortSignal.any([signal, leaving.signal]);
    const asked = texts.map((tokens) => this.#embedOne(tokens, { adapter, signal: either }));
    try {
      return await Promise.all(asked);
    } catch (error) {
      leaving.abort(error);
      throw error;
    }
  }

  #check(tokens: readonly number[], place: number): void {
    const { maxLength, vocabSize } = this.#options;
    if (tokens.length === 0) throw new EspalierError('PROMPT_EMPTY', {});
    if (tokens.length > maxLength) {
      const problem = `it has ${tokens.length} tokens, and the model reads at most ${maxLength}`;
      throw new EspalierError('REQUEST_INVALID', { param: `input.${place}`, problem });
    }
    const index = tokens.findIndex((token) => !Number.isSafeInteger(token) || token < 0 || token >= vocabSize);
    if (index < 0) return;
    throw new EspalierError('TOKEN_OUT_OF_RANGE', { index, token: tokens[index] ?? '', last: vocabSize - 1 });
  }

  async #embedOne(tokens: readonly number[], { adapter, signal }: EmbedOptions): Promise<Embedding> {
    const { model, padTokenId, maxLength } = this.#options;
    const length = Math.min(maxLength, Math.ceil(tokens.length / lengthStep) * lengthStep);
    const row = (value: (i: number) => number) =>
      tensorOf(
        'int64',
        [1, length],
        Array.from({ length }, (_, i) => value(i)),
      );
    const inputs = new Map([
      ['input_ids', row((i) => tokens[i] ?? padTokenId)],
      ['attention_mask', row((i) => (i < tokens.length ? 1 : 0))],
    ]);
    const { outputs, adapterVersion } = await model.infer({
      inputs,
      outputs: ['embeddings'],
      ...(adapter === undefined ? {} : { adapter }),
      ...(signal === undefined ? {} : { signal }),
    });
    const embeddings = outputs.get('embeddings');
    if (embeddings === undefined) throw new RangeError('The model gave no embeddings');
    return { vector: toFloat32(embeddings), adapterVersion };
  }
}
