import { writtenNumbersOf } from '../core/index.ts';
import { fail } from './fail.ts';
import { Dict, type Value } from './values/value.ts';

/** How deep a value that a template is given may go. */
const deepest = 200;

/** Converts values of JSON to those of Python, and counts them. */
export class JsonReader {
  /** How many values were converted. */
  count = 0;

  /**
   * A value of JSON as Python has it: whole numbers are ints unless they are known to be written as floats, other numbers are floats. What is undefined is left out of objects.
   * @throws EspalierError TEMPLATE_FAILED for what JSON does not have
   */
  read(value: unknown, depth = 0): Value {
    this.count += 1;
    if (depth > deepest) fail(`a value lies more than ${deepest} deep`);
    if (value === null || typeof value === 'boolean' || typeof value === 'string' || typeof value === 'bigint') {
      return value;
    }
    if (typeof value === 'number') return Number.isInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
    if (Array.isArray(value))
      return value.map((item: unknown, index) => this.readIn(value, String(index), item, depth + 1));
    if (typeof value !== 'object') return fail(`a template takes no ${typeof value}`);
    const dict = new Dict();
    for (const [key, item] of Object.entries(value)) {
      if (item !== undefined) dict.entries.set(key, [key, this.readIn(value, key, item, depth + 1)]);
    }
    return dict;
  }

  /** A value that an object or a list holds. */
  readIn(holder: object, key: string, value: unknown, depth = 0): Value {
    const written = typeof value === 'number' ? writtenNumbersOf(holder)?.get(key) : undefined;
    if (typeof value !== 'number' || written === undefined) return this.read(value, depth);
    this.count += 1;
    return written === 'float' ? value : written;
  }
}
