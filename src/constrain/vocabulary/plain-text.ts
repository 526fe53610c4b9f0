/**
 * Counts the characters of bytes that stand for themselves inside a JSON string: whole characters of UTF-8, none of them a quotation mark, a
 * backslash or a control character.
 *
 * @returns undefined for other bytes
 */
export function plainLength(bytes: Uint8Array): number | undefined {
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return undefined;
    if (byte < 0x80) at++;
    else {
      const length = lengthOf(bytes, at);
      if (length === 0) return undefined;
      at += length;
    }
  }
  return count;
}

/** Length of the character of two to four bytes at a place; 0 where there is none. */
function lengthOf(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  for (let next = 1; next < length; next++) if (((bytes[at + next] ?? 0) & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1] ?? 0;
  const isWrong =
    (first === 0xe0 && second < 0xa0) || // longer than need be
    (first === 0xed && second > 0x9f) || // half of a surrogate pair
    (first === 0xf0 && second < 0x90) ||
    (first === 0xf4 && second > 0x8f); // beyond U+10FFFF
  return isWrong ? 0 : length;
}
