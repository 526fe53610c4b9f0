import type { Run } from '../run.ts';
import type { Comparison, Expression } from '../syntax/nodes.ts';
import { concatenate, operate, signed } from '../values/arithmetic.ts';
import { readAttribute, readItem } from '../values/attributes.ts';
import { equals, isOrdered, isTrue } from '../values/compare.ts';
import { dictOf } from '../values/dict.ts';
import { contains } from '../values/sequence.ts';
import { Slice, Tuple, Undefined, type Value } from '../values/value.ts';
import { compileApplied, compileCall } from './compile-call.ts';
import { conditional, type Context, type Evaluate } from './context.ts';

/** Makes an expression ready to be evaluated many times. @throws EspalierError TEMPLATE_INVALID for an unknown filter or test */
export function compileExpression(node: Expression, context: Context): Evaluate {
  const evaluate = compileKind(node, context);
  return (run, scope) => {
    run.spend();
    return evaluate(run, scope);
  };
}

function compileKind(node: Expression, context: Context): Evaluate {
  const compile = (one: Expression): Evaluate => compileExpression(one, context);
  switch (node.kind) {
    case 'constant': {
      const { value } = node;
      return () => value;
    }
    case 'name': {
      const { name } = node;
      for (const names of context.read) names.add(name);
      return (_, scope) => scope.get(name);
    }
    case 'list':
    case 'tuple':
      return compileItems(node.kind, node.items.map(compile));
    case 'dict': {
      const pairs = node.pairs.map(([key, value]) => [compile(key), compile(value)] as const);
      return (run, scope) => dictOf(pairs.map(([key, value]) => [key(run, scope), value(run, scope)]));
    }
    case 'attribute': {
      const [of, { name }] = [compile(node.of), node];
      return (run, scope) => readAttribute(of(run, scope), name);
    }
    case 'item': {
      const [of, key] = [compile(node.of), compile(node.key)];
      return (run, scope) => readItem(of(run, scope), key(run, scope));
    }
    case 'slice': {
      const [start, stop, step] = node.parts.map((part) => (part === undefined ? () => null : compile(part)));
      const none = (): Value => null;
      return (run, scope) =>
        new Slice((start ?? none)(run, scope), (stop ?? none)(run, scope), (step ?? none)(run, scope));
    }
    case 'call':
      return compileCall(node, context, compileExpression);
    case 'filter':
    case 'test':
      return compileApplied(node, context, compileExpression);
    default:
      return compileOperation(node, context);
  }
}

type Operation = Exclude<
  Expression,
  {
    readonly kind:
      | 'constant'
      | 'name'
      | 'list'
      | 'tuple'
      | 'dict'
      | 'attribute'
      | 'item'
      | 'slice'
      | 'call'
      | 'filter'
      | 'test';
  }
>;

function compileOperation(node: Operation, context: Context): Evaluate {
  const compile = (one: Expression): Evaluate => compileExpression(one, context);
  switch (node.kind) {
    case 'operator': {
      const [left, right, { operator }] = [compile(node.left), compile(node.right), node];
      return (run, scope) => operate(run, operator, left(run, scope), right(run, scope));
    }
    case 'concatenate': {
      const parts = node.parts.map(compile);
      return (run, scope) =>
        concatenate(
          run,
          parts.map((part) => part(run, scope)),
        );
    }
    case 'sign': {
      const [of, { sign }] = [compile(node.of), node];
      return (run, scope) => signed(of(run, scope), sign);
    }
    case 'not': {
      const of = compile(node.of);
      return (run, scope) => !isTrue(of(run, scope));
    }
    case 'and':
    case 'or': {
      const [left, right, stops] = [compile(node.left), compile(node.right), node.kind === 'or'];
      return (run, scope) => {
        const value = left(run, scope);
        return isTrue(value) === stops ? value : right(run, scope);
      };
    }
    case 'compare':
      return compileCompare(compile(node.first), node.rest, compile);
    case 'if':
      return compileIf(node, context);
  }
}

function compileItems(kind: 'list' | 'tuple', items: readonly Evaluate[]): Evaluate {
  if (kind === 'list') return (run, scope) => items.map((item) => item(run, scope));
  return (run, scope) => new Tuple(items.map((item) => item(run, scope)));
}

function compileCompare(
  first: Evaluate,
  comparisons: readonly Comparison[],
  compile: (node: Expression) => Evaluate,
): Evaluate {
  const rest = comparisons.map(({ operator, right }) => ({ operator, right: compile(right) }));
  return (run, scope) => {
    let left = first(run, scope);
    for (const { operator, right } of rest) {
      const value = right(run, scope);
      if (!compareBy(run, left, operator, value)) return false;
      left = value;
    }
    return true;
  };
}

function compareBy(run: Run, left: Value, operator: Comparison['operator'], right: Value): boolean {
  switch (operator) {
    case 'eq':
      return equals(run, left, right);
    case 'ne':
      return !equals(run, left, right);
    case 'in':
      return contains(run, right, left);
    case 'notin':
      return !contains(run, right, left);
    default:
      return isOrdered(run, left, operator, right);
  }
}

function compileIf(node: Extract<Expression, { kind: 'if' }>, context: Context): Evaluate {
  const inside = conditional(context);
  const [test, whenTrue] = [compileExpression(node.test, inside), compileExpression(node.whenTrue, inside)];
  const otherwise = node.otherwise === undefined ? undefined : compileExpression(node.otherwise, inside);
  const problem = `the inline if-expression on line ${node.line} evaluated to false and no else section was defined.`;
  return (run, scope) => {
    if (isTrue(test(run, scope))) return whenTrue(run, scope);
    return otherwise === undefined ? new Undefined(problem) : otherwise(run, scope);
  };
}
