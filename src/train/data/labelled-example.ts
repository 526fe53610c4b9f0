import type { TensorData } from '../../tensor/index.ts';

/** The label of a row: its class, those of its tokens, or numbers. */
export type LabelTarget =
  | { readonly kind: 'classes'; readonly index: number }
  /** The class of each token; −100 for tokens that do not count. */
  | { readonly kind: 'tokens'; readonly indices: Int32Array }
  | { readonly kind: 'numbers'; readonly values: Float32Array; readonly shape: readonly number[] };

/** A row with its label, ready for training. */
export type LabelledExample = { readonly target: LabelTarget } & (
  | {
      readonly kind: 'tokens';
      readonly inputIds: Int32Array;
      /** The segment of each token; undefined if there is only one segment. */
      readonly typeIds: Int32Array | undefined;
    }
  /** By the names of the base's inputs, each without the axis of the batch. */
  | { readonly kind: 'tensors'; readonly inputs: ReadonlyMap<string, TensorData> }
);

/** The number of things that a row teaches: its tokens that count, or itself. */
export function targetsOf({ target }: LabelledExample): number {
  return target.kind === 'tokens' ? target.indices.reduce((sum, index) => sum + Number(index >= 0), 0) : 1;
}
