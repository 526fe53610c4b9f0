import type { Run } from '../run.ts';
import type { Body, ForLoop, Statement } from '../syntax/nodes.ts';
import { isTrue } from '../values/compare.ts';
import { toText } from '../values/print.ts';
import type { Value } from '../values/value.ts';
import { assign } from './assign.ts';
import { compileBlock } from './block.ts';
import { compileCall, compileChain } from './compile-call.ts';
import { compileExpression } from './compile-expression.ts';
import { conditional, type Context, type Execute, inner, type Signal, silent } from './context.ts';
import { Loop } from './loop.ts';
import { compileMacro } from './macro.ts';
import { Scope } from './scope.ts';

/** Makes statements ready to run many times. @throws EspalierError TEMPLATE_INVALID */
export function compileBody(body: Body, context: Context): Execute {
  const statements = body.map((node) => ({ line: node.line, execute: compileStatement(node, context) }));
  return (run, scope) => {
    for (const { line, execute } of statements) {
      run.line = line;
      run.spend();
      const signal = execute(run, scope);
      if (signal !== undefined) return signal;
    }
    return undefined;
  };
}

function compileStatement(node: Statement, context: Context): Execute {
  switch (node.kind) {
    case 'data': {
      const { text } = node;
      return silent((run) => run.write(text));
    }
    case 'print': {
      const value = compileExpression(node.value, context);
      return silent((run, scope) => run.write(printed(run, value(run, scope))));
    }
    case 'set': {
      const [value, { target }] = [compileExpression(node.value, context), node];
      return silent((run, scope) => assign(run, scope, target, value(run, scope)));
    }
    case 'set-block':
      return compileSetBlock(node, context);
    case 'if':
      return compileIf(node, context);
    case 'for':
      return compileFor(node, context);
    case 'break':
    case 'continue': {
      const signal = node.kind;
      return () => signal;
    }
    case 'macro': {
      const [make, { name }] = [compileMacro(node, context, compileBody), node];
      return silent((_, scope) => scope.set(name, make(scope)));
    }
    case 'call-block':
      return compileCallBlock(node, context);
    case 'filter-block':
      return compileFilterBlock(node, context);
    case 'with':
      return compileWith(node, context);
    case 'generation':
      return compileGeneration(node.body, context);
    case 'block':
      return compileBlock(node, context, compileBody);
  }
}

function printed(run: Run, value: Value): string {
  return typeof value === 'string' ? value : run.made(toText(value));
}

function compileIf(node: Extract<Statement, { kind: 'if' }>, context: Context): Execute {
  const inside = conditional(context);
  const branches = node.branches.map(({ test, body }) => ({
    test: compileExpression(test, inside),
    body: compileBody(body, inside),
  }));
  const otherwise = compileBody(node.otherwise, inside);
  return (run, scope) => {
    for (const { test, body } of branches) if (isTrue(test(run, scope))) return body(run, scope);
    return otherwise(run, scope);
  };
}

function compileFor(node: ForLoop, context: Context): Execute {
  const inside = inner(context);
  const items = compileExpression(node.items, context);
  const test = node.test && compileExpression(node.test, inside);
  const [body, otherwise] = [compileBody(node.body, inside), compileBody(node.otherwise, inside)];
  const { target, isRecursive } = node;

  const pass = (run: Run, scope: Scope, value: Value, depth: number): Signal => {
    const filter =
      test &&
      ((item: Value): boolean => {
        const own = new Scope(scope);
        assign(run, own, target, item);
        return isTrue(test(run, own));
      });
    const recurse = (nested: Value): Value => run.nested(() => run.capture(() => pass(run, scope, nested, depth + 1)));
    const loop = new Loop(run, value, { depth, filter, recurse: isRecursive ? recurse : undefined });
    // WHY a turn must end by itself to count: Jinja2 notes it at the end of the body, which `continue` and `break` skip.
    let hasPassed = false;
    for (let item = loop.next(); item !== undefined; item = loop.next()) {
      const own = new Scope(scope);
      own.set('loop', loop.value);
      assign(run, own, target, item);
      const signal = body(run, own);
      if (signal === 'break') break;
      hasPassed ||= signal === undefined;
    }
    return hasPassed ? undefined : otherwise(run, new Scope(scope));
  };
  return (run, scope) => pass(run, scope, items(run, scope), 0);
}

function compileSetBlock(node: Extract<Statement, { kind: 'set-block' }>, context: Context): Execute {
  const body = compileBody(node.body, inner(context));
  const filter = node.filter && compileChain(node.filter, context, compileExpression);
  const { target } = node;
  return (run, scope) => {
    let signal: Signal;
    const text = run.capture(() => {
      signal = body(run, new Scope(scope));
    });
    if (signal !== undefined) return signal;
    assign(run, scope, target, filter === undefined ? text : filter(run, scope, text));
    return undefined;
  };
}

function compileFilterBlock(node: Extract<Statement, { kind: 'filter-block' }>, context: Context): Execute {
  const body = compileBody(node.body, inner(context));
  const filter = compileChain(node.filter, context, compileExpression);
  return (run, scope) => {
    let signal: Signal;
    const text = run.capture(() => {
      signal = body(run, new Scope(scope));
    });
    if (signal === undefined) run.write(printed(run, filter(run, scope, text)));
    return signal;
  };
}

function compileCallBlock(node: Extract<Statement, { kind: 'call-block' }>, context: Context): Execute {
  const { signature, body } = node;
  const make = compileMacro({ name: 'caller', signature, body }, context, compileBody);
  const call = compileCall(node.call, context, compileExpression, (_, scope) => make(scope));
  return silent((run, scope) => run.write(printed(run, call(run, scope))));
}

function compileWith(node: Extract<Statement, { kind: 'with' }>, context: Context): Execute {
  const inside = inner(context);
  const assigned = node.assigned.map(([target, value]) => ({ target, value: compileExpression(value, context) }));
  const body = compileBody(node.body, inside);
  return (run, scope) => {
    const own = new Scope(scope);
    for (const { target, value } of assigned) assign(run, own, target, value(run, scope));
    return body(run, own);
  };
}

/** WHY a scope of its own: to Jinja2 it is a `call` block, so what it sets is gone after it. */
function compileGeneration(node: Body, context: Context): Execute {
  const body = compileBody(node, inner(context));
  return silent((run, scope) => run.generation(() => body(run, new Scope(scope))));
}
