import { fail } from '../fail.ts';
import type { BlockStatement, Body } from '../syntax/nodes.ts';
import { Native, Undefined } from '../values/value.ts';
import { type Context, type Execute, silent } from './context.ts';
import { Scope } from './scope.ts';

/** Makes a block, which is written where it stands. It sees the names of the template, and those around it only if it is scoped. */
export function compileBlock(
  { name, isScoped, isRequired, body: statements }: BlockStatement,
  context: Context,
  compileBody: (body: Body, context: Context) => Execute,
): Execute {
  const body = compileBody(statements, { ...context, isConditional: false, read: [] });
  const write: Execute = (run, scope) => {
    if (isRequired) fail(`Required block '${name}' not found`);
    const own = new Scope(scope);
    own.set('super', new Undefined(`there is no parent block called '${name}'.`));
    return body(run, own);
  };
  context.blocks.set(name, write);
  return silent((run, scope) => write(run, isScoped ? scope : scope.root));
}

/** `self`, through which a template writes a block again. */
export function selfOf(blocks: ReadonlyMap<string, Execute>, scope: Scope): Native {
  return new Native({
    typeName: 'TemplateReference',
    attribute(name) {
      const block = blocks.get(name);
      if (block === undefined) return undefined;
      return new Native({
        typeName: 'BlockReference',
        invoke: (run) => run.nested(() => run.capture(() => void block(run, scope))),
      });
    },
  });
}
