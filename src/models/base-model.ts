import type { Steps } from '../core/index.ts';
import type { AdaptableModule, Dim, Model } from '../ir/index.ts';
import type { DataType } from '../tensor/index.ts';
import type { GenerationConfig } from './generation-config.ts';
import type { TextPrompts } from './encoder/text-prompts.ts';
import type { StoredTensors } from './stored-tensors.ts';
import type { WeightRef } from './weight-ref.ts';

/** The properties that every base has, whatever its family. */
export interface ModelConfig {
  /** A decoder continues text. An encoder reads a whole text and classifies or embeds it. */
  readonly kind: 'decoder' | 'encoder';
  /** The name of the family: `model_type` in config.json, or `onnx` for a graph that another tool wrote. */
  readonly family: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  /** The number of heads of keys and values. */
  readonly kvHeads: number;
  readonly headDim: number;
  /** The number of layers that keep keys and values. Absent when all do. */
  readonly kvLayers?: number;
  /**
   * The shapes of the recurrent states of one row, each f32. Unlike keys and values, a state has one size whatever the length of the row,
   * and holds all of its tokens: no earlier part of a row can be taken out of it. Absent when the base has none.
   */
  readonly states?: readonly (readonly number[])[];
  /** For each layer, the one whose keys and values it reads. Absent when each reads its own. */
  readonly caches?: readonly number[];
  /** The size of a head in the keys and values of the decode graph. Absent when it is `headDim`. */
  readonly cachedHeadDim?: number;
  /** The number of positions of the model, and so the length of its longest sequence. */
  readonly maxPositions: number;
  /** When a row grows beyond this many tokens, it must run again from its first token, with other rotary frequencies (Phi-3). */
  readonly recomputeLength?: number;
  /** Whether results also depend on the length of the row, padding included (rotary scaling `dynamic` and `longrope`). */
  readonly lengthMatters?: boolean;
  /** The number of query heads. */
  readonly heads?: number;
  readonly intermediateSize?: number;
  /** Whether the head uses the matrix of the embedding. */
  readonly tiedEmbeddings?: boolean;
}

export interface GraphOptions {
  /** The length of the longest row in tokens. Default: the limit of the model. The rotary tables end there. */
  readonly maxLength?: number;
  /** Makes every weight an input (f32, with its name in the checkpoint) instead of a reference to the files of the checkpoint. */
  readonly full?: boolean;
}

export interface TrainingGraphOptions extends GraphOptions {
  /** The graph takes rows end to end, without padding. Only bases with `packsRows` support it. */
  readonly packed?: boolean;
}

export interface EncoderGraphOptions extends Pick<GraphOptions, 'full' | 'maxLength'> {
  /** The names of weights that become inputs (f32): weights that an adapter replaces whole, or that are trained themselves. */
  readonly given?: ReadonlySet<string>;
  /** Computes with the dequantized floats of quantized weights, so that the graph can be differentiated. */
  readonly exact?: boolean;
  /** Adds the input `token_type_ids` i64 [batch, seq], if the base has token types. Without it all tokens have the first type. */
  readonly tokenTypes?: boolean;
}

/**
 * Builds the graphs of one base. Every call builds a new graph. A method is absent when the base has no such graph. `graphs.ts`
 * documents the inputs and outputs.
 */
export interface BaseGraphs {
  readonly scoring?: (options: GraphOptions) => Model;
  readonly training?: (options: TrainingGraphOptions) => Model;
  readonly trunk?: (options: GraphOptions) => Model;
  readonly head?: (options: Pick<GraphOptions, 'full'>) => Model;
  /** In steps, because a base is often opened where others are served. */
  readonly decode?: (options: { readonly maxLength: number }) => Steps<Model>;
  readonly classification?: (options: EncoderGraphOptions) => Model;
  readonly embedding?: (options: EncoderGraphOptions) => Model;
}

/**
 * The task of a base: to continue text, to classify (or to compute numbers of any kind), or to turn text into vectors. The graphs that
 * exist say everything that a base can do.
 */
export type BaseTask = 'causal-lm' | 'classification' | 'embedding';

/**
 * What the numbers of a classification graph mean, if they are not the scores of classes of which one fits: scores of classes of which any
 * number fits (`multi-label`), or the numbers themselves (`regression`).
 */
export type BaseProblem = 'multi-label' | 'regression';

/** An input of a classification or embedding graph. */
export interface BaseInput {
  readonly name: string;
  readonly dtype: DataType;
  /** The first axis is the batch. A symbolic axis may have any length, but all axes with the same name have the same length. */
  readonly shape: readonly Dim[];
}

/** A graph of another tool that takes one number of rows only, which its exporter has written into it. */
export interface FixedBatch {
  /** The input that declares the number. */
  readonly input: string;
  readonly rows: number;
}

/** An opened base model: what it computes, and in which files its weights are. No weight is held in memory. */
export interface BaseModel {
  /** The locations of weights are relative to this folder. */
  readonly dir: string;
  /** The GGUF file in this folder that holds everything: weights, configuration, tokenizer. Of a split model the first. */
  readonly file?: string;
  readonly config: ModelConfig;
  /** Default: `causal-lm`. */
  readonly task?: BaseTask;
  /** The names of the classes in the order of the logits. Absent when the base has none. */
  readonly labels?: readonly string[];
  readonly problem?: BaseProblem;
  /** Whether the classification graph gives numbers for each token, [batch, seq, labels]. Absent: for each row. */
  readonly perToken?: boolean;
  /** What stands before texts that are embedded. Absent: nothing. */
  readonly prompts?: TextPrompts;
  /** The token id that fills short rows when a graph has an attention mask. Default: 0. */
  readonly padTokenId?: number;
  /**
   * The inputs of the classification graph, when they are not token ids but images or features. When absent, the inputs are
   * `input_ids` and `attention_mask`.
   */
  readonly inputs?: readonly BaseInput[];
  /** Absent: the graphs take any number of rows at once. */
  readonly fixedBatch?: FixedBatch;
  /** The weights that the configuration requires and no others, by their names in the checkpoint. */
  readonly weights: ReadonlyMap<string, WeightRef>;
  /** All tensors in the files, including integers. */
  readonly stored: StoredTensors;
  /** The weights of a new head, which no file contains. The caller gives them to every graph that reads them. */
  readonly headWeights?: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  /** Whether the training graph can take rows end to end. Absent: no. */
  readonly packsRows?: boolean;
  /** Whether the graphs skip padding, as given by the attention mask, everywhere but in attention. Absent: no. */
  readonly skipsPadding?: boolean;
  /** The modules that an adapter can target, including `lm_head`. */
  readonly modules: readonly AdaptableModule[];
  /**
   * The matrices of the experts of mixtures, each by itself. Adapters target those of all experts of a layer together, as one of the
   * `modules`. Absent: there are none.
   */
  readonly experts?: readonly AdaptableModule[];
  readonly generation: GenerationConfig;
  /**
   * Whether another tool wrote the decode graph. Such a graph may be unable to take several tokens of a prompt at once, or rows of
   * different lengths together. The caller finds out by trying. When absent, the graph can do both.
   */
  readonly decodeOnTrial?: boolean;
  readonly graphs: BaseGraphs;
}

/** The inputs of the graphs of a text model. */
const textInputs = ['input_ids', 'attention_mask', 'token_type_ids'];

/** Names of the inputs of classification and embedding graphs. A parameter of an adapter must not have such a name. */
export function rowInputs({ inputs }: Pick<BaseModel, 'inputs'>): ReadonlySet<string> {
  return new Set(inputs?.map(({ name }) => name) ?? textInputs);
}
