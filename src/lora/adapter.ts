import type { ModuleKind } from '../ir/index.ts';
import type { TensorOf } from '../tensor/index.ts';
import type { LoraConfig } from './lora-config.ts';

/** The low-rank update of one module: W + scaling · B·A, and with a magnitude each row of that made as long as it says. */
export interface ModuleWeights {
  /** `linear` where it is not said. */
  readonly kind?: ModuleKind;
  readonly rank: number;
  readonly scaling: number;
  /** f32 [rank, in]; of a convolution [rank, in, ...kernel] */
  readonly a: TensorOf<'float32'>;
  /** f32 [out, rank]; of a convolution [out, rank / groups, 1...] */
  readonly b: TensorOf<'float32'>;
  /** f32 [out], of DoRA */
  readonly magnitude?: TensorOf<'float32'>;
}

/** An adapter in memory, checked against its base. It never changes: another content is another adapter. */
export interface Adapter {
  readonly config: LoraConfig;
  /** By path, in the order of the base. */
  readonly modules: ReadonlyMap<string, ModuleWeights>;
  /** Parameters of the base that it replaces whole (`modules_to_save`), by their names in the checkpoint; absent: none. */
  readonly saved?: ReadonlyMap<string, TensorOf<'float32'>>;
  /** Its identity, in hexadecimal: the SHA-256 of what it does to a base, the same for every format that holds it. */
  readonly digest: string;
  /** The base that the adapter says it was trained on. */
  readonly baseName: string | undefined;
}

/** A parameter that an adapter brings whole. */
export interface SavedParameter {
  /** Its name in the model: `classifier.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** A file may leave it out: the base is not known well enough to say. */
  readonly optional?: boolean;
}
