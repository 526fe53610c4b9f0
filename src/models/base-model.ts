import type { AdaptableModule, Dim, Model } from '../ir/index.ts';
import type { DataType } from '../tensor/index.ts';
import type { GenerationConfig } from './generation-config.ts';
import type { WeightRef } from './weight-files.ts';

/** What every base says of itself, whatever its family. */
export interface ModelConfig {
  /** A decoder continues text; an encoder sees all of it at once, and classifies or embeds it. */
  readonly kind: 'decoder' | 'encoder';
  /** The family's name, as `model_type` in config.json; `onnx` for a graph that another tool wrote. */
  readonly family: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  /** Heads of keys and values. */
  readonly kvHeads: number;
  readonly headDim: number;
  /** The size of a head in the decode graph's keys and values, where it is not `headDim`. */
  readonly cachedHeadDim?: number;
  /** Positions that the model was trained with: the longest sequence it can be given. */
  readonly maxPositions: number;
  /** A row that grows beyond this many tokens is to be run again from its first token, with other positions (Phi-3). */
  readonly recomputeLength?: number;
  /** What a token sees of its row depends on the row's length too, padding included (rotary scaling `dynamic` and `longrope`). */
  readonly lengthMatters?: boolean;
  /** Query heads. */
  readonly heads?: number;
  readonly intermediateSize?: number;
  /** Whether the head uses the embedding's matrix. */
  readonly tiedEmbeddings?: boolean;
}

export interface GraphOptions {
  /** The longest row, in tokens; the model's own limit by default. Positions beyond it are not in the rotary tables. */
  readonly maxLength?: number;
  /** Makes every weight an input (f32, under its name in the checkpoint) instead of a part of the checkpoint's files. */
  readonly full?: boolean;
}

export interface TrainingGraphOptions extends GraphOptions {
  /** Takes rows end to end, without padding; only of a base that says `packsRows`. */
  readonly packed?: boolean;
}

export interface EncoderGraphOptions extends Pick<GraphOptions, 'full' | 'maxLength'> {
  /** Weights that are inputs (f32, by their names in the checkpoint): those that an adapter brings whole, or that are trained whole. */
  readonly given?: ReadonlySet<string>;
  /** Computes with quantized weights as the floats that they stand for, so that it can be differentiated. */
  readonly exact?: boolean;
  /** Adds the input `token_type_ids` i64 [batch, seq], where the base knows segments; without it all tokens are of the first. */
  readonly tokenTypes?: boolean;
}

/** Builds the graphs of one base, each anew at every call. What a base cannot do is not there. `graphs.ts` tells their inputs and outputs. */
export interface BaseGraphs {
  readonly scoring?: (options: GraphOptions) => Model;
  readonly training?: (options: TrainingGraphOptions) => Model;
  readonly trunk?: (options: GraphOptions) => Model;
  readonly head?: (options: Pick<GraphOptions, 'full'>) => Model;
  readonly decode?: (options: { readonly maxLength: number }) => Model;
  readonly classification?: (options: EncoderGraphOptions) => Model;
  readonly embedding?: (options: EncoderGraphOptions) => Model;
}

/**
 * What a base is for: to continue text, to say which of its labels fits (or to give numbers: logits of anything), or to turn text into
 * vectors. Which graphs there are says all that it can do.
 */
export type BaseTask = 'causal-lm' | 'classification' | 'embedding';

/** An input of a classification or embedding graph. */
export interface BaseInput {
  readonly name: string;
  readonly dtype: DataType;
  /** The first axis is the batch; symbolic axes may have any length, the same wherever the name comes back. */
  readonly shape: readonly Dim[];
}

/** A model where it lies: what it computes, and where its weights are. Nothing of it is held in memory. */
export interface BaseModel {
  /** The folder that the locations of weights are relative to. */
  readonly dir: string;
  readonly config: ModelConfig;
  /** `causal-lm` where it is not said. */
  readonly task?: BaseTask;
  /** Names of the classes, in the order of the logits; absent where the base has none. */
  readonly labels?: readonly string[];
  /** Token id that fills up short rows where a graph has an attention mask; 0 where it is not said. */
  readonly padTokenId?: number;
  /**
   * What the classification graph reads, where that is something else than token ids (images, features). Absent: `input_ids` and
   * `attention_mask`.
   */
  readonly inputs?: readonly BaseInput[];
  /** Exactly the weights that the configuration asks for, by their names in the checkpoint. */
  readonly weights: ReadonlyMap<string, WeightRef>;
  /** Weights of a head that was asked for and that no file has: they are given to every graph that reads them. Absent: none. */
  readonly headWeights?: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  /** Whether its training graph can be had for rows end to end. Absent: no. */
  readonly packsRows?: boolean;
  /** Whether its graphs compute of padding nothing but attention, as the attention mask tells them. Absent: no. */
  readonly skipsPadding?: boolean;
  /** What an adapter can target, `lm_head` included. */
  readonly modules: readonly AdaptableModule[];
  readonly generation: GenerationConfig;
  /**
   * The decode graph reads keys and values as another tool meant it: whether it takes several tokens of a prompt at once, and rows of
   * different lengths together, is found out by trying. Absent: it does.
   */
  readonly decodeOnTrial?: boolean;
  readonly graphs: BaseGraphs;
}
