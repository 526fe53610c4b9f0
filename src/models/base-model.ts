import type { AdaptableModule, Model } from '../ir/index.ts';
import type { GenerationConfig } from './generation-config.ts';
import { openLlama } from './llama/open-llama.ts';
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
  /** Positions that the model was trained with: the longest sequence it can be given. */
  readonly maxPositions: number;
}

export interface GraphOptions {
  /** The longest row, in tokens; the model's own limit by default. Positions beyond it are not in the rotary tables. */
  readonly maxLength?: number;
  /** Makes every weight an input (f32, under its name in the checkpoint) instead of a part of the checkpoint's files. */
  readonly full?: boolean;
}

/** Builds the graphs of one base, each anew at every call. What a base cannot do is not there. */
export interface BaseGraphs {
  scoring(options: GraphOptions): Model;
  training(options: GraphOptions): Model;
  trunk(options: GraphOptions): Model;
  head(options: Pick<GraphOptions, 'full'>): Model;
  decode(options: { readonly maxLength: number }): Model;
}

/** A model where it lies: what it computes, and where its weights are. Nothing of it is held in memory. */
export interface BaseModel {
  /** The folder that the locations of weights are relative to. */
  readonly dir: string;
  readonly config: ModelConfig;
  /** Exactly the weights that the configuration asks for, by their names in the checkpoint. */
  readonly weights: ReadonlyMap<string, WeightRef>;
  /** What an adapter can target, `lm_head` included. */
  readonly modules: readonly AdaptableModule[];
  readonly generation: GenerationConfig;
  readonly graphs: BaseGraphs;
}

/**
 * Opens a Hugging Face folder of a supported family: `config.json`, `generation_config.json` if there is one, and the headers of its
 * safetensors files. The weights themselves are not read; `verifyWeights` does that.
 *
 * @throws EspalierError FILE_NOT_FOUND (no config.json), MODEL_ARCHITECTURE_UNSUPPORTED, MODEL_FEATURE_UNSUPPORTED,
 *   MODEL_CONFIG_INVALID, MODEL_WEIGHTS_NOT_FOUND, MODEL_WEIGHTS_MISMATCH, and the errors of `openSafetensors`
 */
export async function openBaseModel(dir: string): Promise<BaseModel> {
  return openLlama(dir);
}
