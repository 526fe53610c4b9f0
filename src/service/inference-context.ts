import type { AdapterAdministration, AdapterRegistry } from '../control/index.ts';
import type { InferenceModel, ResidentAdapter } from '../inference/index.ts';

/** What the routes need of a model; `infer`'s has this form, and a test's double can. */
export type ServedModel = Pick<InferenceModel, 'name' | 'signature' | 'batching' | 'isReady' | 'infer' | 'stats'>;

/** A model behind the Open Inference Protocol. */
export interface InferenceEntry {
  readonly model: ServedModel;
  /** undefined where the model is served without adapters. */
  readonly adapters: AdapterAdministration | undefined;
  /** Leases the model's adapters; undefined where the model is served without any. */
  readonly registry: Pick<AdapterRegistry<ResidentAdapter>, 'has' | 'lease'> | undefined;
}

/** Everything that the routes under `/v2` share. */
export interface InferenceContext {
  /** By name. */
  readonly models: ReadonlyMap<string, InferenceEntry>;
  /** Of this program. */
  readonly version: string;
}
