import { EspalierError } from '../../core/index.ts';
import { fail, unsupported } from '../fail.ts';
import { longestRange, type Run } from '../run.ts';
import { method } from '../values/arguments.ts';
import { textOf } from '../values/compare.ts';
import { dictOf, setKey } from '../values/dict.ts';
import { toText } from '../values/print.ts';
import { iterate, listOf, values } from '../values/sequence.ts';
import { strftime } from '../values/strftime.ts';
import {
  Dict,
  type Invoke,
  type Keywords,
  Namespace,
  Native,
  orElse,
  Range,
  typeName,
  type Value,
} from '../values/value.ts';

function named(invoke: Invoke): Native {
  return new Native({
    typeName: 'function',
    invoke(run, args, keywords) {
      run.spend();
      return invoke(run, args, keywords);
    },
  });
}

/** What every template can call, by name: the globals of Jinja2 and the two that transformers adds. */
export const globals: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['range', named(makeRange)],
  ['dict', named((run, args, keywords) => makeDict(run, args, keywords))],
  ['namespace', named(makeNamespace)],
  ['cycler', named((_, items) => makeCycler(items))],
  ['joiner', named(makeJoiner)],
  ['lipsum', named(() => unsupported('lipsum'))],
  ['raise_exception', method('raise_exception', ['message'], (_, args) => raise(args.value('message') ?? null))],
  ['strftime_now', method('strftime_now', ['format'], (run, args) => run.made(strftime(run.now, args.text('format'))))],
]);

function raise(message: Value): never {
  throw new EspalierError('TEMPLATE_RAISED', { line: 0, problem: toText(message) });
}

function makeRange(_: Run, args: readonly Value[], keywords: Keywords): Range {
  if (keywords.size > 0 || args.length < 1 || args.length > 3) fail('range takes one to three numbers');
  const numbers = args.map((one) => {
    if (typeof one === 'boolean') return BigInt(one);
    return typeof one === 'bigint' ? one : fail(`'${typeName(one)}' object cannot be interpreted as an integer`);
  });
  const [first = 0n, second, step = 1n] = numbers;
  if (step === 0n) fail('range() arg 3 must not be zero');
  const range = second === undefined ? new Range(0n, first, 1n) : new Range(first, second, step);
  if (range.length > longestRange) fail(`a range has more than ${longestRange} items`);
  return range;
}

function makeDict(run: Run, args: readonly Value[], keywords: Keywords): Dict {
  if (args.length > 1) fail(`dict expected at most 1 argument, got ${args.length}`);
  const [from] = args;
  const dict = dictOf(from === undefined ? [] : pairsOf(run, from));
  for (const [key, value] of keywords) setKey(dict, key, value);
  return dict;
}

function pairsOf(run: Run, from: Value): (readonly [Value, Value])[] {
  if (from instanceof Dict) return [...from.entries.values()];
  return [...values(iterate(run, from))].map((pair) => {
    const items = listOf(run, pair);
    const [key = null, value = null] = items;
    return items.length === 2 ? [key, value] : fail(`a pair was expected, and ${items.length} items came`);
  });
}

function makeNamespace(run: Run, args: readonly Value[], keywords: Keywords): Namespace {
  const namespace = new Namespace();
  for (const [key, value] of makeDict(run, args, keywords).entries.values()) {
    namespace.attributes.set(textOf(key) ?? toText(key), value);
  }
  return namespace;
}

function makeCycler(items: readonly Value[]): Native {
  if (items.length === 0) fail('at least one item has to be provided');
  let at = 0;
  const current = (): Value => items[at] ?? null;
  return new Native({
    typeName: 'Cycler',
    attribute(name) {
      if (name === 'current') return current();
      if (name === 'pos') return BigInt(at);
      if (name === 'reset') {
        return method('reset', [], () => {
          at = 0;
          return null;
        });
      }
      if (name !== 'next') return undefined;
      return method('next', [], () => {
        const value = current();
        at = (at + 1) % items.length;
        return value;
      });
    },
  });
}

function makeJoiner(_: Run, args: readonly Value[], keywords: Keywords): Native {
  const [given] = [...args, ...keywords.values()];
  const separator = orElse(given, () => ', ');
  let wasUsed = false;
  return new Native({
    typeName: 'Joiner',
    invoke() {
      if (wasUsed) return separator;
      wasUsed = true;
      return '';
    },
  });
}
