/**
 * The alphabet of byte-level vocabularies, which writes each byte as one printable character. The printable characters of Latin-1
 * represent themselves. The other 68 bytes are represented by U+0100 and following, in order.
 *
 * @see Radford et al. 2019 (GPT-2), its encoder's bytes_to_unicode
 */
export function byteLevelCharacter(byte: number): string {
  if (isPrintable(byte)) return String.fromCharCode(byte);
  let rank = 0;
  for (let other = 0; other < byte; other++) if (!isPrintable(other)) rank++;
  return String.fromCharCode(256 + rank);
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

const characters = Array.from({ length: 256 }, (_, byte) => byteLevelCharacter(byte));
const bytes = new Map(characters.map((character, byte) => [character, byte]));
const onlyPrintable = /^[!-~]*$/;

/** Writes the UTF-8 bytes of a text in the alphabet. */
export function toByteLevel(text: string): string {
  if (onlyPrintable.test(text)) return text;
  if (text.length > longText) return longToByteLevel(text);
  let written = '';
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at) ?? 0;
    if (code < 0x80) written += characters[code];
    else if (code < 0x800) written += tail(0xc0 | (code >> 6), code, 1);
    else if (code < 0x10000) written += tail(0xe0 | (code >> 12), code, 2);
    else {
      written += tail(0xf0 | (code >> 18), code, 3);
      at++;
    }
  }
  return written;
}

/** WHY apart: a string that grows by a character a million times takes ten times as long, and for short texts buffers cost more. */
function longToByteLevel(text: string): string {
  const encoded = Buffer.from(text);
  const written = new Uint16Array(encoded.length);
  for (let at = 0; at < encoded.length; at++) written[at] = codes[encoded[at] ?? 0] ?? 0;
  return Buffer.from(written.buffer).toString('utf16le');
}

const longText = 256;
const codes = Uint16Array.from(characters, (character) => character.charCodeAt(0));

function tail(first: number, code: number, following: number): string {
  let written = characters[first] ?? '';
  for (let shift = 6 * (following - 1); shift >= 0; shift -= 6) written += characters[0x80 | ((code >> shift) & 0x3f)];
  return written;
}

/** @returns undefined if a character is not of the alphabet */
export function fromByteLevel(text: string): Uint8Array | undefined {
  const read = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const byte = bytes.get(text.charAt(at));
    if (byte === undefined) return undefined;
    read[at] = byte;
  }
  return read;
}
