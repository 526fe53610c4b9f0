/**
 * Metadata key of the module that a node computes, such as `model.layers.0.self_attn.q_proj`. Adapters find their targets by it, and
 * a printed graph shows it.
 */
export const moduleKey = 'espalier.module';

/**
 * Metadata key on a node that computes several modules in one product, as exporters pack queries, keys and values. The value lists
 * paths and widths in the order of the last axis of the result: `a.q_proj:64,a.k_proj:32,a.v_proj:32`.
 */
export const modulePartsKey = 'espalier.module.parts';

/**
 * Metadata key on the product of a module with frozen weights that rounds its input when the model is served. A training may round it
 * too.
 */
export const roundedInputKey = 'espalier.rounded-input';

/**
 * Metadata key on a node that joins the products of all experts of a mixture. The value is the JSON of an `ExpertGroup`. The node has a
 * `moduleKey` too.
 */
export const expertsKey = 'espalier.experts';

/** The names of the values that an adapter of the experts reads. */
export interface ExpertGroup {
  readonly experts: number;
  /** f32 [rows, in]: the rows of all experts, in the order of the experts */
  readonly rows: string;
  /** i64 [experts]: the number of rows of each expert */
  readonly counts: string;
  /** i64 [rows]: the number of each row before it was sorted by experts. The token of number n is n / perToken. */
  readonly order: string;
  readonly perToken: number;
}

/** The kind of a module: a matrix product, an embedding table, a convolution, or the matrices of all experts of a mixture. */
export type ModuleKind = 'linear' | 'embedding' | 'conv' | 'experts';

/** A module of the network that an adapter can change. */
export interface AdaptableModule {
  /** Its path in the network, such as `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  /** Default: `linear`. */
  readonly kind?: ModuleKind;
  /** Number of input features, for experts those of all experts together; for an embedding the rows of its table, for a convolution the channels of all groups together. */
  readonly in: number;
  /** Number of output features or channels, for experts those of all experts together. */
  readonly out: number;
  /** Whether the checkpoint stores the matrix as [in, out], as GPT-2 does (PEFT's `fan_in_fan_out`). */
  readonly transposed?: boolean;
  /** Experts only: their number. */
  readonly experts?: number;
  /** Convolutions only: the size of the kernel along each axis, such as [3, 3]. */
  readonly kernel?: readonly number[];
  /** Convolutions only: the number of groups of channels. Default: 1. */
  readonly groups?: number;
}

/** The names of the layer that computes the logits of a decoder. GPT-NeoX has the second. */
const outputLayers: ReadonlySet<string> = new Set(['lm_head', 'embed_out']);

/** Whether a module is the layer of a decoder that computes its logits. */
export function isOutputLayer(path: string): boolean {
  return outputLayers.has(path.slice(path.lastIndexOf('.') + 1));
}
