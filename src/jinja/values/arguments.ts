import { fail } from '../fail.ts';
import { textOf } from './compare.ts';
import { type Keywords, Native, typeName, type Value } from './value.ts';
import type { Run } from '../run.ts';

/**
 * The arguments of a function of Python, by the names of its parameters.
 *
 * @param parameters  in their order; one that ends in "?" may be left out
 * @throws EspalierError TEMPLATE_FAILED for too many, too few, or unknown arguments
 */
export class Arguments {
  readonly #name: string;
  readonly #values = new Map<string, Value>();

  constructor(name: string, parameters: readonly string[], args: readonly Value[], keywords: Keywords) {
    this.#name = name;
    if (args.length > parameters.length) {
      fail(`${name} takes at most ${parameters.length} arguments, and ${args.length} came`);
    }
    const names = parameters.map((one) => one.replace('?', ''));
    for (const [index, value] of args.entries()) this.#values.set(names[index] ?? '', value);
    for (const [key, value] of keywords) {
      if (!names.includes(key)) fail(`${name} got an unexpected keyword argument '${key}'`);
      if (this.#values.has(key)) fail(`${name} got multiple values for argument '${key}'`);
      this.#values.set(key, value);
    }
    for (const one of parameters) {
      if (!one.endsWith('?') && !this.#values.has(one)) fail(`${name} misses the argument '${one}'`);
    }
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** @returns undefined where the argument was left out */
  value(name: string): Value | undefined {
    return this.#values.get(name);
  }

  /** The argument, or what stands for it where it was left out. None is an argument too. */
  or(name: string, otherwise: Value): Value {
    const value = this.#values.get(name);
    return value === undefined ? otherwise : value;
  }

  text(name: string): string;
  text(name: string, otherwise: string): string;
  text(name: string, otherwise?: string): string {
    const value = this.#values.get(name);
    if (value === undefined && otherwise !== undefined) return otherwise;
    return textOf(value ?? null) ?? fail(`${this.#name}: '${name}' must be str, not ${typeName(value ?? null)}`);
  }

  /** A text, or undefined where it is None or left out. */
  optionalText(name: string): string | undefined {
    const value = this.#values.get(name);
    return value === undefined || value === null ? undefined : this.text(name);
  }

  /** An int as a number. Ints that no size can be become the largest. */
  whole(name: string, otherwise?: number): number {
    const value = this.#values.get(name);
    if (value === undefined && otherwise !== undefined) return otherwise;
    if (typeof value === 'boolean') return Number(value);
    if (typeof value !== 'bigint') return fail(`${this.#name}: '${name}' must be int, not ${typeName(value ?? null)}`);
    const limit = 2n ** 40n;
    return Number(value > limit ? limit : value < -limit ? -limit : value);
  }

  /** An int, or undefined where it is None or left out. */
  optionalWhole(name: string): number | undefined {
    const value = this.#values.get(name);
    return value === undefined || value === null ? undefined : this.whole(name);
  }
}

/** A method with fixed parameters, bound to its object. */
export function method(
  name: string,
  parameters: readonly string[],
  body: (run: Run, args: Arguments) => Value,
): Native {
  return new Native({
    typeName: 'builtin_function_or_method',
    invoke(run, args, keywords) {
      run.spend();
      return body(run, new Arguments(`${name}()`, parameters, args, keywords));
    },
  });
}
