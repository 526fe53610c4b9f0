import { globals } from '../builtins/globals.ts';
import { orElse, Undefined, type Value } from '../values/value.ts';

/**
 * The names of one part of a template. Loops, macros and `with` have their own: what they set is gone after them. `if` has none.
 * A name that is not here is looked up in the scope around, and at last among the values that the template was given.
 */
export class Scope {
  readonly #names = new Map<string, Value>();
  readonly #parent: Scope | undefined;
  /** The scope of the whole template. */
  readonly root: Scope;

  constructor(parent?: Scope, isRoot = parent === undefined) {
    this.#parent = parent;
    this.root = isRoot || parent === undefined ? this : parent.root;
  }

  /** The scope of a whole template. */
  static of(given: Iterable<readonly [string, Value]>): Scope {
    const outer = new Scope();
    for (const [name, value] of given) outer.set(name, value);
    return new Scope(outer, true);
  }

  get(name: string): Value {
    return orElse(this.#find(name), () => globals.get(name) ?? new Undefined(`'${name}' is undefined`));
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }

  /** WHY by calls: scopes are no deeper than blocks and macros may be. */
  #find(name: string): Value | undefined {
    const value = this.#names.get(name);
    const parent = this.#parent;
    return value === undefined && parent !== undefined ? parent.#find(name) : value;
  }
}
