import { fail } from '../fail.ts';
import type { Body, Signature } from '../syntax/nodes.ts';
import { Dict, type Keywords, Native, orElse, Tuple, Undefined, type Value } from '../values/value.ts';
import { setKey } from '../values/dict.ts';
import { compileExpression } from './compile-expression.ts';
import { type Context, type Evaluate, type Execute, inner } from './context.ts';
import { Scope } from './scope.ts';

/** A macro that is ready to be bound to the scope in which it is defined. */
interface Macro {
  readonly name: string;
  readonly names: readonly string[];
  /** undefined for a parameter that must be given. */
  readonly defaults: readonly (Evaluate | undefined)[];
  readonly body: Execute;
  /** What the body reads of `varargs`, `kwargs` and `caller`; it takes only those. */
  readonly read: ReadonlySet<string>;
}

/** Makes a macro, or the `caller` of a `call` block. */
export function compileMacro(
  { name, signature, body }: { readonly name: string; readonly signature: Signature; readonly body: Body },
  context: Context,
  compileBody: (body: Body, context: Context) => Execute,
): (scope: Scope) => Native {
  const read = new Set<string>();
  const inside = inner(context, read);
  const offset = signature.names.length - signature.defaults.length;
  const defaults = signature.names.map((_, index) => {
    const node = index < offset ? undefined : signature.defaults[index - offset];
    return node && compileExpression(node, inside);
  });
  const macro: Macro = { name, names: signature.names, defaults, body: compileBody(body, inside), read };
  return (scope) => bind(macro, scope);
}

function bind(macro: Macro, defined: Scope): Native {
  return new Native({
    typeName: 'Macro',
    attribute: (name) => (name === 'name' ? macro.name : undefined),
    invoke: (run, args, keywords) =>
      run.nested(() => {
        const scope = new Scope(defined);
        const missing = fillIn(macro, scope, args, keywords);
        for (const index of missing) {
          const name = macro.names[index] ?? '';
          const otherwise = macro.defaults[index];
          const value = otherwise?.(run, scope);
          scope.set(
            name,
            orElse(value, () => new Undefined(`parameter '${name}' was not provided`)),
          );
        }
        return run.capture(() => macro.body(run, scope));
      }),
  });
}

/** Sets the parameters that are given. @returns the numbers of the others */
function fillIn(macro: Macro, scope: Scope, args: readonly Value[], keywords: Keywords): number[] {
  const { names, name: macroName, read } = macro;
  const left = new Map(keywords);
  const missing: number[] = [];
  for (const [index, name] of names.entries()) {
    const value = index < args.length ? args[index] : left.get(name);
    if (index >= args.length) left.delete(name);
    if (value === undefined) missing.push(index);
    else scope.set(name, value);
  }
  if (read.has('caller') && !names.includes('caller')) {
    scope.set(
      'caller',
      orElse(left.get('caller'), () => new Undefined('No caller defined')),
    );
    left.delete('caller');
  }
  const [unknown] = left.keys();
  if (read.has('kwargs')) scope.set('kwargs', keywordsDict(left));
  else if (unknown !== undefined) fail(`macro '${macroName}' takes no keyword argument '${unknown}'`);
  if (read.has('varargs')) scope.set('varargs', new Tuple(args.slice(names.length)));
  else if (args.length > names.length) fail(`macro '${macroName}' takes not more than ${names.length} argument(s)`);
  return missing;
}

function keywordsDict(keywords: Keywords): Dict {
  const dict = new Dict();
  for (const [key, value] of keywords) setKey(dict, key, value);
  return dict;
}
