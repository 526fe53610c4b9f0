/** Bytes of an object, and of any other value beside the characters of a text, about as V8 keeps them. */
const ofObject = 64;
const ofValue = 16;

/**
 * Bytes of memory that a JSON value takes, about, and hardly more: two for each character.
 *
 * WHY no exact count: it only has to grow with what is kept, so that the bound of the store holds whatever is sent.
 */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return ofValue + 2 * value.length;
  if (typeof value !== 'object' || value === null) return ofValue;
  let bytes = ofObject;
  for (const [name, one] of Object.entries(value)) bytes += 2 * name.length + sizeOf(one);
  return bytes;
}
