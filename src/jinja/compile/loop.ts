import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import { equals } from '../values/compare.ts';
import { drain, iterate, sizeOf } from '../values/sequence.ts';
import { Native, orElse, Tuple, Undefined, type Value } from '../values/value.ts';

/**
 * The items of a loop and what the template knows as `loop`. Items are read one by one: a filtered loop tests each item when its turn
 * comes, so that the body can change what the test sees.
 *
 * @see jinja2/runtime.py, LoopContext
 */
export class Loop {
  /** `loop` */
  readonly value: Native;
  readonly #run: Run;
  readonly #depth: number;
  #iterator: Iterator<Value>;
  #length: number | undefined;
  #index = -1;
  #before: Value | undefined;
  #current: Value | undefined;
  /** The item after the current one, where it was read already. */
  #after: Value | undefined;
  #changed: Tuple | undefined;

  /**
   * @param filter   keeps the items for which it is true
   * @param recurse  renders the loop for other items, where the loop is recursive
   */
  constructor(
    run: Run,
    items: Value,
    options: {
      readonly depth: number;
      readonly filter?: ((item: Value) => boolean) | undefined;
      readonly recurse?: ((items: Value) => Value) | undefined;
    },
  ) {
    const { depth, filter, recurse } = options;
    this.#run = run;
    this.#depth = depth;
    const all = iterate(run, items);
    this.#iterator = filter === undefined ? all : passing(all, filter);
    this.#length = filter === undefined ? sizeOf(items) : undefined;
    this.value = new Native({
      typeName: 'LoopContext',
      attribute: (name) => this.#attribute(name),
      length: () => this.#size,
      invoke(_run, args) {
        if (recurse === undefined) {
          return fail("The loop must have the 'recursive' marker to be called recursively.");
        }
        return args.length === 1 ? recurse(args[0] ?? null) : fail('loop takes one argument');
      },
    });
  }

  /** Goes on to the next item. @returns undefined after the last */
  next(): Value | undefined {
    const item = this.#after === undefined ? this.#read() : this.#after;
    this.#after = undefined;
    if (item === undefined) return undefined;
    this.#index += 1;
    this.#before = this.#current;
    this.#current = item;
    return item;
  }

  #read(): Value | undefined {
    const next = this.#iterator.next();
    return next.done === true ? undefined : next.value;
  }

  #peek(): Value | undefined {
    if (this.#after === undefined) this.#after = this.#read();
    return this.#after;
  }

  get #size(): number {
    if (this.#length === undefined) {
      const rest = drain(this.#iterator);
      this.#iterator = rest.values();
      this.#length = rest.length + this.#index + 1 + (this.#after === undefined ? 0 : 1);
    }
    return this.#length;
  }

  #attribute(name: string): Value | undefined {
    switch (name) {
      case 'index':
        return BigInt(this.#index + 1);
      case 'index0':
        return BigInt(this.#index);
      case 'revindex':
        return BigInt(this.#size - this.#index);
      case 'revindex0':
        return BigInt(this.#size - this.#index - 1);
      case 'first':
        return this.#index === 0;
      case 'last':
        return this.#peek() === undefined;
      case 'length':
        return BigInt(this.#size);
      case 'depth':
        return BigInt(this.#depth + 1);
      case 'depth0':
        return BigInt(this.#depth);
      case 'previtem':
        return this.#index === 0 ? new Undefined('there is no previous item') : this.#before;
      case 'nextitem':
        return orElse(this.#peek(), () => new Undefined('there is no next item'));
      case 'cycle':
        return this.#cycle();
      case 'changed':
        return this.#hasChanged();
      default:
        return undefined;
    }
  }

  #cycle(): Native {
    return new Native({
      typeName: 'method',
      invoke: (_, args) => {
        if (args.length === 0) return fail('no items for cycling given');
        return args[this.#index % args.length] ?? null;
      },
    });
  }

  #hasChanged(): Native {
    return new Native({
      typeName: 'method',
      invoke: (_, args) => {
        const value = new Tuple(args);
        if (this.#changed !== undefined && equals(this.#run, this.#changed, value)) return false;
        this.#changed = value;
        return true;
      },
    });
  }
}

function* passing(items: Iterator<Value>, filter: (item: Value) => boolean): Generator<Value> {
  for (let next = items.next(); next.done !== true; next = items.next()) {
    if (filter(next.value)) yield next.value;
  }
}
