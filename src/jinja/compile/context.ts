import type { Run } from '../run.ts';
import type { Expression } from '../syntax/nodes.ts';
import type { Value } from '../values/value.ts';
import type { Scope } from './scope.ts';

/** An expression that is ready to be evaluated. */
export type Evaluate = (run: Run, scope: Scope) => Value;

/** Makes an expression ready. WHY handed on: calls hold expressions, and expressions calls. */
export type CompileExpression = (node: Expression, context: Context) => Evaluate;

/** Statements that are ready to run. They give the signal that ends a loop or its turn. */
export type Execute = (run: Run, scope: Scope) => Signal;
export type Signal = 'break' | 'continue' | undefined;

/** Where in the template something is compiled. */
export interface Context {
  /**
   * Whether a condition is around. An unknown filter is an error at once elsewhere; here only when it is reached, as in Jinja2.
   */
  readonly isConditional: boolean;
  /** The names that were read in each macro around, innermost last: they say whether it takes `varargs`, `kwargs` and `caller`. */
  readonly read: readonly Set<string>[];
  /** The blocks of the template, by name. They are filled in while it is compiled. */
  readonly blocks: Map<string, Execute>;
}

export function conditional(context: Context): Context {
  return { ...context, isConditional: true };
}

/** A loop, a macro or another scope of its own is not conditional by itself. */
export function inner(context: Context, read?: Set<string>): Context {
  return { ...context, isConditional: false, read: read === undefined ? context.read : [...context.read, read] };
}

/** Statements that never end a loop. */
export function silent(execute: (run: Run, scope: Scope) => void): Execute {
  return (run, scope) => {
    execute(run, scope);
    return undefined;
  };
}
