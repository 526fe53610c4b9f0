import type { Node, Tape, Value } from '../../ir/index.ts';

/** What a lowering may look at, and the tape on which it records: right before the node. */
export interface LoweringContext {
  readonly tape: Tape;
  readonly node: Node;
}

/**
 * How a fused operator is written in smaller ones that have gradient rules. Only nodes between a parameter and the loss are
 * rewritten; elsewhere the fused kernel stays.
 */
export interface Lowering {
  readonly opType: string;
  /** '' (ONNX's own) where not given. */
  readonly domain?: string;
  /**
   * The values that take the place of the node's outputs, in their order and equal to them. An output that nobody asked for
   * may be left out. Nothing: the node stays as it is, for its gradient rule.
   *
   * @throws EspalierError GRADIENT_NOT_DEFINED for a form of the operator that it does not cover
   */
  lower(context: LoweringContext): readonly (Value | undefined)[] | undefined;
}
