import type { ModuleKind } from '../ir/index.ts';
import type { TensorOf } from '../tensor/index.ts';
import type { LoraConfig } from './lora-config.ts';

/**
 * The low-rank update of one module: W + scaling · B·A, and with a bias (`lora_bias`) b + scaling · bias. With a magnitude (DoRA), each row of this sum is scaled to the length that the
 * magnitude contains.
 */
export interface ModuleWeights {
  /** Default: `linear`. */
  readonly kind?: ModuleKind;
  readonly rank: number;
  readonly scaling: number;
  /** Of a mixture: their number. */
  readonly experts?: number;
  /** f32 [rank, in]; for experts [rank, experts·in]; for a convolution [rank, in, ...kernel] */
  readonly a: TensorOf<'float32'>;
  /** f32 [out, rank]; for experts [experts·out, rank]; for a convolution [out, rank / groups, 1...] */
  readonly b: TensorOf<'float32'>;
  /** f32 [out]; only for DoRA */
  readonly magnitude?: TensorOf<'float32'>;
  /** f32 [out]; only with `lora_bias` */
  readonly bias?: TensorOf<'float32'>;
}

/** Where the numbers of a tensor lie in the file of its adapter. */
export interface FilePlace {
  /** Its name in the file. */
  readonly tensor: string;
  /** Bytes before its first number. */
  readonly offset: number;
}

/** An adapter in memory, checked against its base. It is immutable. */
export interface Adapter {
  readonly config: LoraConfig;
  /** The changed modules by path, in the order of the base. */
  readonly modules: ReadonlyMap<string, ModuleWeights>;
  /** Parameters of the base that the adapter replaces as a whole (`modules_to_save`), by their names in the checkpoint. */
  readonly saved?: ReadonlyMap<string, TensorOf<'float32'>>;
  /** Its identity, in hexadecimal: the SHA-256 of its effect on a base. It is the same in every format. */
  readonly digest: string;
  /** The base on which the adapter was trained, according to its file. */
  readonly baseName: string | undefined;
  /** The fingerprint of that base, according to its file; absent: the file has none. */
  readonly baseFingerprint?: string | undefined;
  /** Where the tensors of its modules were read; those that were computed from others are missing. Absent: it was read from no file. */
  readonly places?: ReadonlyMap<TensorOf<'float32'>, FilePlace> | undefined;
  /** What was left out of its files without an effect. Each continues a sentence that begins with the adapter. */
  readonly notes?: readonly string[];
}

/** A parameter of the base that an adapter replaces as a whole. */
export interface SavedParameter {
  /** Its name in the model: `classifier.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether a file may omit it, because the base is not known well enough to require it. */
  readonly optional?: boolean;
}
