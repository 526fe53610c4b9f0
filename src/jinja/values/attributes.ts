import { dictMethod } from './dict-methods.ts';
import { fail, unsupported } from '../fail.ts';
import { formatFields } from './format-fields.ts';
import { listMethod, numberAttribute, rangeAttribute, tupleMethod, viewMethod } from './other-methods.ts';
import { toRepr } from './print.ts';
import { itemOf } from './sequence.ts';
import { textMethod } from './text-methods.ts';
import {
  Dict,
  DictView,
  Namespace,
  Native,
  orElse,
  Range,
  SafeText,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './value.ts';

/**
 * `value.name`: an attribute of Python, else an item of that name, else undefined.
 * @throws EspalierError TEMPLATE_FAILED for an undefined value, and for an attribute of Python that this evaluator lacks
 */
export function readAttribute(value: Value, name: string): Value {
  if (value instanceof Undefined) return fail(value.problem);
  const attribute = attributeOf(value, name);
  return orElse(attribute === undefined ? itemOf(value, name) : attribute, () => new Undefined(lacks(value, name)));
}

/** `value[key]`: an item, else an attribute of Python of that name, else undefined. */
export function readItem(value: Value, key: Value): Value {
  if (value instanceof Undefined) return fail(value.problem);
  const item = itemOf(value, key);
  const found = item === undefined && typeof key === 'string' ? attributeOf(value, key) : item;
  return orElse(found, () => new Undefined(lacks(value, key)));
}

function lacks(value: Value, key: Value): string {
  const type = typeName(value);
  return typeof key === 'string'
    ? `'${type} object' has no attribute ${toRepr(key)}`
    : `${type} object has no element ${typeof key === 'bigint' ? toRepr(key) : typeName(key)}`;
}

/** Methods that change their object. The sandbox of Jinja2 hides them. */
const changing: Readonly<Record<string, readonly string[]>> = {
  list: ['append', 'clear', 'pop', 'reverse', 'insert', 'sort', 'extend', 'remove'],
  dict: ['clear', 'pop', 'popitem', 'setdefault', 'update'],
};

/** `getattr(value, name)`. @returns undefined where the value has no such attribute */
export function attributeOf(value: Value, name: string): Value | undefined {
  if (value instanceof Namespace) return value.attributes.get(name);
  if (value instanceof Native) return value.attribute(name);
  if (changing[typeName(value)]?.includes(name) === true || (name.startsWith('__') && name.endsWith('__'))) {
    return new Undefined(`access to attribute '${name}' of '${typeName(value)}' object is unsafe.`);
  }
  if (typeof value === 'string') return name === 'format' ? formatMethod(value) : textMethod(value, name);
  if (value instanceof SafeText) return unsupported(`the attribute ${name} of a text that is marked safe`);
  if (Array.isArray(value)) return listMethod(value, name);
  if (value instanceof Tuple) {
    const field = value.names.indexOf(name);
    return field >= 0 ? value.items[field] : tupleMethod(value, name);
  }
  if (value instanceof Dict) return dictMethod(value, name);
  if (value instanceof DictView) return viewMethod(value, name);
  if (value instanceof Range) return rangeAttribute(value, name);
  return numberAttribute(value, name);
}

function formatMethod(text: string): Native {
  const read = { attribute: readAttribute, item: readItem };
  return new Native({
    typeName: 'builtin_function_or_method',
    invoke: (run, args, keywords) => formatFields(text, { run, read, args, keywords }),
  });
}
