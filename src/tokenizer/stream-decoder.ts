import type { DecodeRules } from './decode-rules.ts';

/** Turns tokens into text as they come. What it has given out never changes. */
export interface StreamDecoder {
  /** Takes the next token; returns the text that is final now, often that of this token, sometimes ''. */
  push(id: number): string;
  /** Returns what was held back: a character of which bytes are missing comes as U+FFFD. Begins anew after it. */
  end(): string;
}

/** What the decoder needs to know of one token. */
export interface TokenPiece {
  readonly text: string;
  /** An added token stands for itself, never for bytes. */
  readonly added: boolean;
}

/**
 * Decodes by rule, one token at a time: a character comes out with the token that holds its last byte.
 *
 * @param pieceOf  undefined for a token that has no text (left out on purpose, or not in the vocabulary)
 * @param options.started  whether text came before, so that nothing is stripped from the beginning of this one
 */
export function createStreamDecoder(
  rules: DecodeRules,
  pieceOf: (id: number) => TokenPiece | undefined,
  { started = false }: { readonly started?: boolean } = {},
): StreamDecoder {
  // WHY the byte order mark is kept for byte-level tokens only: so does the decoder of the whole text.
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: rules.bytes === 'level' });
  let pending = false;
  let toStrip = started ? 0 : rules.stripStart.count;
  const flush = (): string => {
    if (!pending) return '';
    pending = false;
    return utf8.decode();
  };
  const strip = (text: string): string => {
    let from = 0;
    while (toStrip > 0 && from < text.length) {
      if (text[from] === rules.stripStart.content) [from, toStrip] = [from + 1, toStrip - 1];
      else toStrip = 0;
    }
    return text.slice(from);
  };
  return {
    push(id) {
      const piece = pieceOf(id);
      if (piece === undefined) return '';
      const bytes = bytesOf(piece, rules);
      if (bytes === undefined) return strip(flush() + replaceAll(piece.text, rules));
      pending = true;
      return strip(utf8.decode(bytes, { stream: true }));
    },
    end() {
      const rest = strip(flush());
      toStrip = rules.stripStart.count;
      return rest;
    },
  };
}

/** For decoders without rules: holds every token back and decodes them together. */
export function createHoldingDecoder(decode: (ids: readonly number[]) => string): StreamDecoder {
  let ids: number[] = [];
  return {
    push(id) {
      ids.push(id);
      return '';
    },
    end() {
      const text = decode(ids);
      ids = [];
      return text;
    },
  };
}

/** The bytes of the text that a token stands for wherever it is; a part of a character has bytes that are no text yet. */
export function pieceBytes(piece: TokenPiece, rules: DecodeRules): Uint8Array {
  return bytesOf(piece, rules) ?? new TextEncoder().encode(replaceAll(piece.text, rules));
}

function replaceAll(text: string, { replacements }: DecodeRules): string {
  return replacements.reduce((result, { from, to }) => result.replaceAll(from, to), text);
}

function bytesOf({ text, added }: TokenPiece, { bytes }: DecodeRules): Uint8Array | undefined {
  if (bytes === 'level' && !added) return Uint8Array.from(text, (character) => byteOfCharacter.get(character) ?? 0);
  if (bytes !== 'fallback') return undefined;
  const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(text)?.[1];
  return hex === undefined ? undefined : Uint8Array.of(Number.parseInt(hex, 16));
}

/**
 * The byte for which each character of a byte-level vocabulary stands: the printable ones of Latin-1 stand for
 * themselves, the other 68 are U+0100 and up, in order.
 */
export const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  Array.from({ length: 256 }, (_, byte) => [byteLevelCharacter(byte), byte]),
);

/** The character that stands for a byte in a byte-level vocabulary. */
export function byteLevelCharacter(byte: number): string {
  if (isPrintable(byte)) return String.fromCharCode(byte);
  let rank = 0;
  for (let other = 0; other < byte; other++) if (!isPrintable(other)) rank++;
  return String.fromCharCode(256 + rank);
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}
