import type { AdapterAdministration, AdapterRegistry } from '../routing/index.ts';
import type { InferenceModel, ResidentAdapter } from '../batching/index.ts';

/** The part of a model that the routes need. `InferenceModel` of `batching` has this form; a test double can have it too. */
export type ServedModel = Pick<InferenceModel, 'name' | 'signature' | 'batching' | 'isReady' | 'infer' | 'stats'>;

/** A model behind the Open Inference Protocol. */
export interface InferenceEntry {
  readonly model: ServedModel;
  /** undefined if the model is served without adapters. */
  readonly adapters: AdapterAdministration | undefined;
  /** Leases the model's adapters; undefined if the model is served without adapters. */
  readonly registry: Pick<AdapterRegistry<ResidentAdapter>, 'has' | 'lease'> | undefined;
  /** Of inputs that are looked up in a table: how many rows the table has. */
  readonly idLimits?: ReadonlyMap<string, number>;
}

/** Everything that the routes under `/v2` share. */
export interface InferenceContext {
  /** By name. */
  readonly models: ReadonlyMap<string, InferenceEntry>;
  /** The model that is the base, if there is one: its adapters have names of their own, without that of the model. */
  readonly baseName?: string | undefined;
  /** Version of this program. */
  readonly version: string;
}
