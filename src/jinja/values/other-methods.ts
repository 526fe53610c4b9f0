import { fail, unsupported } from '../fail.ts';
import type { Run } from '../run.ts';
import { method } from './arguments.ts';
import { equals } from './compare.ts';
import { DictView, Range, Tuple, typeName, type Value } from './value.ts';

/** A method of a list that does not change it. @returns undefined for a name that no list has */
export function listMethod(list: readonly Value[], name: string): Value | undefined {
  if (name !== 'copy') return sequenceMethod('list', list, name);
  return method('copy', [], (run) => {
    run.spend(list.length);
    return [...list];
  });
}

export function tupleMethod(tuple: Tuple, name: string): Value | undefined {
  return sequenceMethod('tuple', tuple.items, name);
}

function sequenceMethod(type: string, items: readonly Value[], name: string): Value | undefined {
  if (name === 'count') {
    return method('count', ['value'], (run, args) => {
      const sought = args.value('value') ?? null;
      return BigInt(items.filter((item) => equals(run, item, sought)).length);
    });
  }
  if (name === 'index') {
    return method('index', ['value', 'start?', 'stop?'], (run, args) => {
      return indexOf(run, items, args.value('value') ?? null, [
        args.whole('start', 0),
        args.whole('stop', items.length),
      ]);
    });
  }
  return undefined;

  function indexOf(run: Run, all: readonly Value[], sought: Value, [start, stop]: readonly [number, number]): bigint {
    const clip = (index: number): number => Math.max(0, index < 0 ? index + all.length : index);
    for (let i = clip(start); i < Math.min(clip(stop), all.length); i += 1) {
      if (equals(run, all[i] ?? null, sought)) return BigInt(i);
    }
    return fail(`the value is not in the ${type}`);
  }
}

export function viewMethod(view: DictView, name: string): Value | undefined {
  if (name === 'mapping') return view.dict;
  return name === 'isdisjoint' ? unsupported('isdisjoint') : undefined;
}

export function rangeAttribute(range: Range, name: string): Value | undefined {
  if (name === 'start' || name === 'stop' || name === 'step') return range[name];
  return name === 'count' || name === 'index' ? unsupported(`${name} of a range`) : undefined;
}

const ofNumbers = ['real', 'imag', 'conjugate', 'as_integer_ratio', 'is_integer'];
const ofInts = [...ofNumbers, 'numerator', 'denominator', 'bit_length', 'bit_count', 'to_bytes', 'from_bytes'];
const ofFloats = [...ofNumbers, 'hex', 'fromhex'];

/** @returns undefined for a name that no number has */
export function numberAttribute(value: Value, name: string): Value | undefined {
  const names =
    typeof value === 'bigint' || typeof value === 'boolean' ? ofInts : typeof value === 'number' ? ofFloats : [];
  if (name === 'is_integer' && typeof value === 'number') {
    return method(name, [], () => Number.isInteger(value));
  }
  return names.includes(name) ? unsupported(`the attribute ${name} of ${typeName(value)}`) : undefined;
}
