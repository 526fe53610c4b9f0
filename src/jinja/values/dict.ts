import { keyOf } from './compare.ts';
import { Dict, type Value } from './value.ts';

/** Makes a dict. A key that comes twice keeps its first place and gets the last value. */
export function dictOf(pairs: Iterable<readonly [Value, Value]>): Dict {
  const dict = new Dict();
  for (const [key, value] of pairs) setKey(dict, key, value);
  return dict;
}

export function setKey(dict: Dict, key: Value, value: Value): void {
  const hash = keyOf(key);
  dict.entries.set(hash, [dict.entries.get(hash)?.[0] ?? key, value]);
}

/** @returns undefined for a key that the dict lacks */
export function getKey(dict: Dict, key: Value): Value | undefined {
  return dict.entries.get(keyOf(key))?.[1];
}
