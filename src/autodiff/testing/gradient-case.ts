import type { DataType } from '../../tensor/index.ts';
import type { AttributeInput, Dim, Tape, Value } from '../../ir/index.ts';

/** A dimension: a number, or a symbol with its value in this case ('n=2'). */
export type CaseDim = number | `${string}=${number}`;

/** One input of the operator under test. A bare shape is a float whose gradient is checked. */
export type CaseInput = readonly CaseDim[] | InputSpec;

export interface InputSpec {
  readonly shape: readonly CaseDim[];
  /** Default: the type of the case. Only floats are differentiated. */
  readonly dtype?: DataType;
  /** Default: random values. */
  readonly values?: readonly number[];
  /** The range of uniform random values. Default: normally distributed values. */
  readonly range?: readonly [low: number, high: number];
  /** Whether the input is an initializer instead of a graph input. A constant has no gradient. */
  readonly constant?: boolean;
  /** Whether the gradient is checked. Default: true for floats. */
  readonly wanted?: boolean;
}

/** One operator call whose gradients are compared with central differences. */
export interface GradientCase {
  readonly op: string;
  readonly domain?: string;
  /** What distinguishes the case, for the test's name. */
  readonly note?: string;
  readonly opset?: number;
  readonly attributes?: Readonly<Record<string, AttributeInput>>;
  /** In the operator's order, by name. undefined omits an input; the same name with an asterisk ('A*') repeats input A. */
  readonly inputs: Readonly<Record<string, CaseInput | undefined>>;
  /** Metadata of the node. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Adds the node in another way, and returns its outputs. For operators with subgraphs. */
  readonly build?: (tape: Tape, inputs: Readonly<Record<string, Value>>) => readonly Value[];
  /** Number of outputs of the node. */
  readonly outputs?: number;
  /** Indices of the outputs on which the loss depends. Default: the first one. */
  readonly lossOf?: readonly number[];
  /** Shape of the first output, if shape inference cannot find it. */
  readonly outputShape?: readonly Dim[];
  /** Default: f64. f32 is for operators without an f64 kernel, and uses `float32Tolerance`. */
  readonly dtype?: 'float32' | 'float64';
  readonly tolerance?: Partial<Tolerance>;
  /** Number of compared elements of each input, spread evenly over it. Default: all. */
  readonly sample?: number;
}

export interface Tolerance {
  /** Step of the central difference. */
  readonly eps: number;
  readonly atol: number;
  readonly rtol: number;
}

/** The tolerances of PyTorch's gradcheck, which are met in f64 only. */
export const float64Tolerance: Tolerance = { eps: 1e-6, atol: 1e-5, rtol: 1e-3 };

/**
 * With h = 1e-2, the rounding of an f32 output of size 1 contributes 6e-8 / 2h = 3e-6 and the third derivative h²/6 = 2e-5. Both
 * grow with the number of outputs and the size of the derivatives.
 */
export const float32Tolerance: Tolerance = { eps: 1e-2, atol: 1e-3, rtol: 1e-2 };
