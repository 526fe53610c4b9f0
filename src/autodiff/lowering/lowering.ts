import type { Node, Tape, Value } from '../../ir/index.ts';

/** The values that a lowering may read, and the tape on which it records, right before the node. */
export interface LoweringContext {
  readonly tape: Tape;
  readonly node: Node;
}

/**
 * How a fused operator is rewritten as smaller ones with gradient rules. Only nodes between a parameter and the loss are rewritten;
 * elsewhere the fused kernel stays.
 */
export interface Lowering {
  readonly opType: string;
  /** Default: '' (ONNX's own domain). */
  readonly domain?: string;
  /**
   * Returns the values that replace the node's outputs, in the same order and equal to them. An output without readers may be omitted.
   * undefined: the node stays, and its gradient rule is used.
   *
   * @throws EspalierError GRADIENT_NOT_DEFINED for a form of the operator that it does not cover
   */
  lower(context: LoweringContext): readonly (Value | undefined)[] | undefined;
}
