/**
 * Metadata key with which a graph names the module that a node computes: `model.layers.0.self_attn.q_proj`. Adapters find their
 * targets by it, and a printed graph shows it.
 */
export const moduleKey = 'espalier.module';

/**
 * Metadata key on a node that computes several modules side by side, as exporters pack queries, keys and values: their paths and
 * widths in the order of the result's last axis, such as `a.q_proj:64,a.k_proj:32,a.v_proj:32`.
 */
export const modulePartsKey = 'espalier.module.parts';

/** What a module is: a matrix product, a table of rows to pick from, or a convolution. */
export type ModuleKind = 'linear' | 'embedding' | 'conv';

/** A module of the network that an adapter can change. */
export interface AdaptableModule {
  /** Its path in the network, such as `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  /** `linear` where it is not said. */
  readonly kind?: ModuleKind;
  /** Width of what goes in: features, rows of the table, channels (of all groups together). */
  readonly in: number;
  /** Width of what comes out. */
  readonly out: number;
  /** The checkpoint stores the matrix as [in, out], as GPT-2 does (PEFT's `fan_in_fan_out`). */
  readonly transposed?: boolean;
  /** Of a convolution: the kernel's extent along each axis, such as [3, 3]. */
  readonly kernel?: readonly number[];
  /** Of a convolution: into how many groups its channels fall; 1 where it is not said. */
  readonly groups?: number;
}
