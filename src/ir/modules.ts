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

/** The kind of a module: a matrix product, an embedding table, or a convolution. */
export type ModuleKind = 'linear' | 'embedding' | 'conv';

/** A module of the network that an adapter can change. */
export interface AdaptableModule {
  /** Its path in the network, such as `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  /** Default: `linear`. */
  readonly kind?: ModuleKind;
  /** Number of input features; for an embedding the rows of its table, for a convolution the channels of all groups together. */
  readonly in: number;
  /** Number of output features or channels. */
  readonly out: number;
  /** Whether the checkpoint stores the matrix as [in, out], as GPT-2 does (PEFT's `fan_in_fan_out`). */
  readonly transposed?: boolean;
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
