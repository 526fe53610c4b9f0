import type { InferenceModel } from '../inference/index.ts';
import type { AdapterAdministration } from '../control/index.ts';

/** What the routes need of a model; `infer`'s has this form, and a test's double can. */
export type ServedModel = Pick<InferenceModel, 'name' | 'signature' | 'batching' | 'isReady' | 'infer' | 'stats'>;

/** A model behind the Open Inference Protocol. */
export interface InferenceEntry {
  readonly model: ServedModel;
  /** undefined where the model is served without adapters. */
  readonly adapters: AdapterAdministration | undefined;
}

/** Everything that the routes under `/v2` share. */
export interface InferenceContext {
  /** By name. */
  readonly models: ReadonlyMap<string, InferenceEntry>;
  /** Of this program. */
  readonly version: string;
}
