import type { Node, Tape, Value } from '../ir/index.ts';

/** Builds one gradient when it is called, so that what nobody wants is never built. */
export type GradientThunk = () => Value;

/**
 * The gradients of a node's inputs, by the names that the rule gave them, or by position.
 * An input without a key has no gradient: integers, masks, ratios.
 */
export type InputGradients<Name extends string = string> =
  { readonly [Key in Name]?: GradientThunk | undefined } | readonly (GradientThunk | undefined)[];

type Plain<Name extends string> = Name extends `${infer Base}?` ? Base : Name;
type Optional<Name extends string> = Name extends `${infer Base}?` ? Base : never;

/** Values by name. A name that was declared with a question mark ('C?') may be absent. */
export type NamedValues<Name extends string> = {
  readonly [Key in Exclude<Plain<Name>, Optional<Name>>]: Value;
} & { readonly [Key in Optional<Name>]: Value | undefined };

/** What a rule may look at, and the tape on which it records. */
export interface GradientContext<Input extends string, Output extends string> {
  readonly tape: Tape;
  readonly node: Node;
  readonly inputs: NamedValues<Input>;
  readonly outputs: NamedValues<Output>;
  /** The gradients that came to the outputs. */
  readonly gradients: NamedValues<Output>;
  /** The same by position, for operators with any number of outputs. */
  readonly outputGradients: readonly (Value | undefined)[];
  /** Whether the gradient of an input, by position, will be asked for. */
  wanted(index: number): boolean;
}

/** How the gradient of one operator is built. The driver undoes broadcasts, sums contributions and checks types. */
export interface GradientRule {
  readonly opType: string;
  readonly domain: string;
  /** Why the output counts as a constant; such a rule has no `backward`. */
  readonly stops?: string;
  /** Why the operator must not lie on a path; it and what depends on it are found even where values are integers. */
  readonly refuses?: string;
  readonly inputs: readonly string[];
  /** Outputs whose gradients the rule uses. One that comes to any other output is an error, never dropped. */
  readonly outputs: readonly string[] | 'variadic';
  backward(context: AnyContext): InputGradients;
}

/** A context whose names are not known to the compiler: what the driver makes. */
export interface AnyContext extends Omit<GradientContext<never, never>, 'inputs' | 'outputs' | 'gradients'> {
  readonly inputs: Readonly<Record<string, Value | undefined>>;
  readonly outputs: Readonly<Record<string, Value | undefined>>;
  readonly gradients: Readonly<Record<string, Value | undefined>>;
}

/** What the author of a rule writes. */
export interface RuleDefinition<Input extends string, Output extends string> {
  readonly opType: string;
  /** '' (ONNX's own) where not given. */
  readonly domain?: string;
  /** Names of the inputs in order, `'C?'` for one that may be absent; none for operators that take any number. */
  readonly inputs?: readonly Input[];
  readonly outputs: readonly Output[] | 'variadic';
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

/** An operator whose output is a constant as far as gradients go; a path through it ends there. */
export function nonDifferentiable(opType: string, stops: string, domain = ''): GradientRule {
  return { opType, domain, stops, inputs: [], outputs: 'variadic', backward: () => ({}) };
}

/**
 * An operator that loses the gradient of what it reads, though its output depends on it: one that rounds to integers, say. A path
 * through it is an error, never a gradient that lacks a part.
 */
export function undifferentiable(opType: string, refuses: string, domain = ''): GradientRule {
  return { opType, domain, refuses, inputs: [], outputs: 'variadic', backward: () => ({}) };
}
