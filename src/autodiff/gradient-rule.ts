import type { Node, Tape, Value } from '../ir/index.ts';

/** Builds one gradient when it is called, so that gradients that are not needed are never built. */
export type GradientThunk = () => Value;

/**
 * The gradients of a node's inputs, by the names in the rule's definition or by position.
 * An input that has no gradient (integers, masks, ratios) has no key.
 */
export type InputGradients<Name extends string = string> =
  | { readonly [Key in Name]?: GradientThunk | undefined }
  | readonly (GradientThunk | undefined)[];

type Plain<Name extends string> = Name extends `${infer Base}?` ? Base : Name;
type Optional<Name extends string> = Name extends `${infer Base}?` ? Base : never;

/** Values by name. A name that was declared with a question mark ('C?') may be absent. */
export type NamedValues<Name extends string> = {
  readonly [Key in Exclude<Plain<Name>, Optional<Name>>]: Value;
} & { readonly [Key in Optional<Name>]: Value | undefined };

/** The values that a rule may read, and the tape on which it records. */
export interface GradientContext<Input extends string, Output extends string> {
  readonly tape: Tape;
  readonly node: Node;
  readonly inputs: NamedValues<Input>;
  readonly outputs: NamedValues<Output>;
  /** The gradients of the outputs. */
  readonly gradients: NamedValues<Output>;
  /** The same gradients by position, for operators with any number of outputs. */
  readonly outputGradients: readonly (Value | undefined)[];
  /** Whether the gradient of an input, by position, is needed. */
  wanted(index: number): boolean;
}

/** How the gradient of one operator is built. The driver undoes broadcasts, sums contributions and checks types. */
export interface GradientRule {
  readonly opType: string;
  readonly domain: string;
  /** The reason why the output counts as a constant. Such a rule has no `backward`. */
  readonly stops?: string;
  /** Whether the rule is for this node, where it is only for some nodes of the operator. A rule without it is for those without subgraphs. */
  readonly covers?: (node: Node) => boolean;
  /** The reason why the operator must not be on a path. The operator is found even if the values after it are integers. */
  readonly refuses?: string;
  readonly inputs: readonly string[];
  /** The outputs whose gradients the rule uses. A gradient of any other output is an error, and is never dropped. */
  readonly outputs: readonly string[] | 'variadic';
  backward(context: AnyContext): InputGradients;
}

/** A context as the driver creates it, for which the compiler does not know the names. */
export interface AnyContext extends Omit<GradientContext<never, never>, 'inputs' | 'outputs' | 'gradients'> {
  readonly inputs: Readonly<Record<string, Value | undefined>>;
  readonly outputs: Readonly<Record<string, Value | undefined>>;
  readonly gradients: Readonly<Record<string, Value | undefined>>;
}

/** The definition of a rule, as its author writes it. */
export interface RuleDefinition<Input extends string, Output extends string> {
  readonly opType: string;
  /** Default: '' (ONNX's own domain). */
  readonly domain?: string;
  /** Names of the inputs in order; `'C?'` is an optional input. Omitted for operators with any number of inputs. */
  readonly inputs?: readonly Input[];
  readonly outputs: readonly Output[] | 'variadic';
  readonly covers?: (node: Node) => boolean;
  backward(context: GradientContext<Input, Output>): InputGradients<Plain<Input>>;
}

/**
 * A gradient rule, with its inputs and outputs named as in the operator's specification.
 *
 *   gradientRule({ opType: 'Sub', inputs: ['A', 'B'], outputs: ['C'], backward: ... })
 */
export function gradientRule<const Input extends string, const Output extends string>(
  definition: RuleDefinition<Input, Output>,
): GradientRule {
  return { domain: '', inputs: [], ...definition };
}

/** Declares an operator whose output counts as a constant for gradients. A path ends there. */
export function nonDifferentiable(opType: string, stops: string, domain = ''): GradientRule {
  return { opType, domain, stops, inputs: [], outputs: 'variadic', backward: () => ({}) };
}

/**
 * Declares an operator without a useful derivative although its output depends on its input, for example one that rounds to integers. A
 * path through it is an error, and never an incomplete gradient.
 */
export function undifferentiable(opType: string, refuses: string, domain = ''): GradientRule {
  return { opType, domain, refuses, inputs: [], outputs: 'variadic', backward: () => ({}) };
}
