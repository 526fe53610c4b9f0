import type { Run } from '../run.ts';

/**
 * A value of Python inside a template.
 *
 * None is null. An int is a bigint and a float is a number, because Python prints `2` and `2.0` differently. A list is an array. What
 * JavaScript has no equal of is a class of this file.
 */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | SafeText
  | Value[]
  | Tuple
  | Dict
  | Range
  | DictView
  | Stream
  | Slice
  | Undefined
  | Namespace
  | Native;

/** A value, or another where there is none. WHY not `??`: None is null, and is a value. */
export function orElse(value: Value | undefined, otherwise: () => Value): Value {
  return value === undefined ? otherwise() : value;
}

/** Keyword arguments, in the order in which they were written. */
export type Keywords = ReadonlyMap<string, Value>;

/** What a template can call. */
export type Invoke = (run: Run, args: readonly Value[], keywords: Keywords) => Value;

/** A text that needs no escaping any more: `Markup` of Python. */
export class SafeText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A tuple. `names` are those of the fields that can be read by name, as a group of `groupby` has them. */
export class Tuple {
  readonly items: readonly Value[];
  readonly names: readonly string[];

  constructor(items: readonly Value[], names: readonly string[] = []) {
    this.items = items;
    this.names = names;
  }
}

/** The integers from `start` on, `step` apart, before `stop`. */
export class Range {
  readonly start: bigint;
  readonly stop: bigint;
  readonly step: bigint;

  constructor(start: bigint, stop: bigint, step: bigint) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }

  get length(): number {
    const [span, step] = this.step > 0n ? [this.stop - this.start, this.step] : [this.start - this.stop, -this.step];
    return span <= 0n ? 0 : Number((span + step - 1n) / step);
  }

  at(index: number): bigint {
    return this.start + BigInt(index) * this.step;
  }
}

/** A part of a sequence, `[start:stop:step]`. */
export class Slice {
  readonly start: Value;
  readonly stop: Value;
  readonly step: Value;

  constructor(start: Value, stop: Value, step: Value) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/** A dict. Its keys keep the order in which they were added. */
export class Dict {
  /** By what makes keys equal (`keyOf`): 1, 1.0 and True are one key. */
  readonly entries = new Map<unknown, readonly [key: Value, value: Value]>();
}

/** `keys()`, `values()` or `items()` of a dict. */
export class DictView {
  readonly kind: 'keys' | 'values' | 'items';
  readonly dict: Dict;

  constructor(kind: 'keys' | 'values' | 'items', dict: Dict) {
    this.kind = kind;
    this.dict = dict;
  }
}

/** A generator or another iterator of Python: it can be passed through once and has no length. */
export class Stream {
  readonly iterator: Iterator<Value>;
  readonly typeName: string;

  constructor(iterator: Iterator<Value>, name = 'generator') {
    this.iterator = iterator;
    this.typeName = name;
  }
}

/** What a name without a value is. It prints as nothing and is false; most other uses fail with `problem`. */
export class Undefined {
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }
}

/** `namespace(...)`: the only value that a template can change. */
export class Namespace {
  readonly attributes = new Map<string, Value>();
}

/** Anything else with attributes or that can be called: functions, methods, macros, `loop`, `cycler`. */
export class Native {
  readonly typeName: string;
  readonly attribute: (name: string) => Value | undefined;
  readonly invoke: Invoke | undefined;
  /** Number of items, where `len` gives one. */
  readonly length: (() => number) | undefined;

  constructor(options: {
    readonly typeName: string;
    readonly attribute?: (name: string) => Value | undefined;
    readonly invoke?: Invoke;
    readonly length?: () => number;
  }) {
    this.typeName = options.typeName;
    this.attribute = options.attribute ?? (() => undefined);
    this.invoke = options.invoke;
    this.length = options.length;
  }
}

/** The name of the type, as error messages of Python have it. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float';
  if (typeof value === 'string') return 'str';
  if (Array.isArray(value)) return 'list';
  if (value instanceof SafeText) return 'Markup';
  if (value instanceof Tuple) return 'tuple';
  if (value instanceof Dict) return 'dict';
  if (value instanceof Range) return 'range';
  if (value instanceof Slice) return 'slice';
  if (value instanceof DictView) return `dict_${value.kind}`;
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Namespace) return 'Namespace';
  return value.typeName;
}
