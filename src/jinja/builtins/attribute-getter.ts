import { textOf } from '../values/compare.ts';
import { readItem } from '../values/attributes.ts';
import { Undefined, type Value } from '../values/value.ts';

/**
 * Reads what filters call an attribute: names and numbers with dots between them, each an item or an attribute.
 * @param otherwise  stands for what is undefined, unless it is None
 */
export function attributeGetter(attribute: Value, otherwise: Value = null): (item: Value) => Value {
  const parts = partsOf(attribute);
  return (item) => {
    let value = item;
    for (const part of parts) {
      value = readItem(value, part);
      if (otherwise !== null && value instanceof Undefined) value = otherwise;
    }
    return value;
  };
}

/** Reads several attributes, with commas between them. */
export function attributesGetter(attribute: Value): (item: Value) => Value[] {
  const text = textOf(attribute);
  const getters = (text === undefined ? [attribute] : text.split(',')).map((one) => attributeGetter(one));
  return (item) => getters.map((get) => get(item));
}

function partsOf(attribute: Value): readonly Value[] {
  if (attribute === null) return [];
  const text = textOf(attribute);
  if (text === undefined) return [attribute];
  return text.split('.').map((part) => (/^\d{1,15}$/.test(part) ? BigInt(part) : part));
}

/** What texts are sorted and compared by, where their case does not count. */
export function ignoreCase(value: Value): Value {
  return textOf(value)?.toLowerCase() ?? value;
}
