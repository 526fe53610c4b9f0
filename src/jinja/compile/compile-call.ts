import { EspalierError } from '../../core/index.ts';
import { findFilter, findTest, isFilter, isTest } from '../builtins/find.ts';
import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import type { Applied, Call, CallArguments } from '../syntax/nodes.ts';
import { textOf } from '../values/compare.ts';
import { toRepr } from '../values/print.ts';
import { iterate, values } from '../values/sequence.ts';
import { Dict, type Keywords, Native, typeName, Undefined, type Value } from '../values/value.ts';
import type { CompileExpression, Context, Evaluate } from './context.ts';
import type { Scope } from './scope.ts';

interface Given {
  readonly args: readonly Value[];
  readonly keywords: Keywords;
}

/** @param caller  what a `call` block gives to the macro that it calls */
export function compileCall(node: Call, context: Context, compile: CompileExpression, caller?: Evaluate): Evaluate {
  const of = compile(node.of, context);
  const given = compileArguments(node.args, context, compile, caller);
  const { line } = node;
  return (run, scope) => {
    const callee = of(run, scope);
    const { args, keywords } = given(run, scope);
    run.line = line;
    return call(run, callee, args, keywords);
  };
}

/** Calls a value. @throws EspalierError TEMPLATE_FAILED for a value that cannot be called */
function call(run: Run, callee: Value, args: readonly Value[], keywords: Keywords): Value {
  if (callee instanceof Undefined) return fail(callee.problem);
  if (!(callee instanceof Native) || callee.invoke === undefined) {
    return fail(`'${typeName(callee)}' object is not callable`);
  }
  return callee.invoke(run, args, keywords);
}

/** A filter or a test. A filter without a value gets it when it runs. */
export function compileApplied(node: Applied, context: Context, compile: CompileExpression): Evaluate {
  const value = node.of === undefined ? undefined : compile(node.of, context);
  const apply = compileApply(node, context, compile);
  return (run, scope) => apply(run, scope, value === undefined ? '' : value(run, scope));
}

/** Filters in a row, of which the first has no value yet: those of a `filter` block or a `set` block. */
export function compileChain(
  node: Applied,
  context: Context,
  compile: CompileExpression,
): (run: Run, scope: Scope, value: Value) => Value {
  const apply = compileApply(node, context, compile);
  if (node.of === undefined) return apply;
  if (node.of.kind !== 'filter') throw new TypeError('a chain of filters begins with a filter');
  const before = compileChain(node.of, context, compile);
  return (run, scope, value) => apply(run, scope, before(run, scope, value));
}

function compileApply(
  node: Applied,
  context: Context,
  compile: CompileExpression,
): (run: Run, scope: Scope, value: Value) => Value {
  const { kind, name, line } = node;
  const isKnown = kind === 'filter' ? isFilter(name) : isTest(name);
  if (!isKnown && !context.isConditional) {
    throw new EspalierError('TEMPLATE_INVALID', { line, problem: `there is no ${kind} named '${name}'` });
  }
  const given = compileArguments(node.args, context, compile);
  return (run, scope, value) => {
    const { args, keywords } = given(run, scope);
    run.line = line;
    if (kind === 'test') return findTest(name)(run, value, args, keywords);
    return findFilter(name)(run, value, args, keywords);
  };
}

function compileArguments(
  node: CallArguments,
  context: Context,
  compile: CompileExpression,
  caller?: Evaluate,
): (run: Run, scope: Scope) => Given {
  const positional = node.positional.map((one) => compile(one, context));
  const keywords = node.keywords.map(([name, one]) => [name, compile(one, context)] as const);
  const spread = node.spread && compile(node.spread, context);
  const spreadKeywords = node.spreadKeywords && compile(node.spreadKeywords, context);
  return (run, scope) => {
    const args = positional.map((one) => one(run, scope));
    if (spread !== undefined) args.push(...values(iterate(run, spread(run, scope))));
    const named = new Map<string, Value>();
    for (const [name, one] of keywords) addKeyword(named, name, one(run, scope));
    if (caller !== undefined) addKeyword(named, 'caller', caller(run, scope));
    if (spreadKeywords !== undefined) addAll(named, spreadKeywords(run, scope));
    return { args, keywords: named };
  };
}

function addAll(named: Map<string, Value>, value: Value): void {
  if (!(value instanceof Dict)) return fail(`the argument after ** must be a mapping, not ${typeName(value)}`);
  for (const [key, item] of value.entries.values()) {
    addKeyword(named, textOf(key) ?? fail(`keywords must be strings, not ${toRepr(key)}`), item);
  }
}

function addKeyword(named: Map<string, Value>, name: string, value: Value): void {
  if (named.has(name)) fail(`a call got multiple values for keyword argument '${name}'`);
  named.set(name, value);
}
