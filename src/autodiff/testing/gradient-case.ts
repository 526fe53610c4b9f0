import type { DataType } from '../../tensor/index.ts';
import type { AttributeInput, Dim } from '../../ir/index.ts';

/** A dimension: a number, or a symbol with the number that it has in this case ('n=2'). */
export type CaseDim = number | `${string}=${number}`;

/** One input of the operator under test. A bare shape is a float whose gradient is checked. */
export type CaseInput = readonly CaseDim[] | InputSpec;

export interface InputSpec {
  readonly shape: readonly CaseDim[];
  /** The case's type where not given. Only floats are differentiated. */
  readonly dtype?: DataType;
  /** Drawn at random where not given. */
  readonly values?: readonly number[];
  /** Where random values lie; normal ones where not given. */
  readonly range?: readonly [low: number, high: number];
  /** An initializer instead of a graph input; a constant has no gradient. */
  readonly constant?: boolean;
  /** Whether the gradient is checked; true for floats. */
  readonly wanted?: boolean;
}

/** One operator call whose gradients are compared with central differences. */
export interface GradientCase {
  readonly op: string;
  readonly domain?: string;
  /** What is special about it, for the test's name. */
  readonly note?: string;
  readonly opset?: number;
  readonly attributes?: Readonly<Record<string, AttributeInput>>;
  /** In the operator's order, by name. undefined leaves a gap; the same name with an asterisk ('A*') repeats input A. */
  readonly inputs: Readonly<Record<string, CaseInput | undefined>>;
  /** What the graph says of the node. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How many outputs the operator is asked for. */
  readonly outputs?: number;
  /** Which outputs the loss depends on: the first one where not given. */
  readonly lossOf?: readonly number[];
  /** Shape of the first output, where shape inference cannot know it. */
  readonly outputShape?: readonly Dim[];
  /** f64 where not given. f32 for operators without an f64 kernel; its tolerance is then `float32Tolerance`. */
  readonly dtype?: 'float32' | 'float64';
  readonly tolerance?: Partial<Tolerance>;
  /** How many elements of each input are compared, spread over it; all where not given. */
  readonly sample?: number;
}

export interface Tolerance {
  /** Step of the central difference. */
  readonly eps: number;
  readonly atol: number;
  readonly rtol: number;
}

/** Those of PyTorch's gradcheck, which holds in f64 only. */
export const float64Tolerance: Tolerance = { eps: 1e-6, atol: 1e-5, rtol: 1e-3 };

/**
 * With h = 1e-2 the rounding of an f32 output of size 1 gives 6e-8 / 2h = 3e-6, the third derivative h²/6 = 2e-5:
 * both times the number of outputs and the size of the derivatives.
 */
export const float32Tolerance: Tolerance = { eps: 1e-2, atol: 1e-3, rtol: 1e-2 };
