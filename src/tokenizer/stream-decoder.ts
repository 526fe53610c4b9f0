import type { DecodeRules } from './decode-rules.ts';

/** Decodes tokens to text one by one. Text that it has returned never changes. */
export interface StreamDecoder {
  /** Takes the next token and returns the text that has become final: often that of this token, sometimes ''. */
  push(id: number): string;
  /** Returns the remaining text and resets the decoder. A character with missing bytes becomes U+FFFD. */
  end(): string;
}

/** The properties of one token that the decoder needs. */
export interface TokenPiece {
  readonly text: string;
  /** An added token represents its own text, never bytes. */
  readonly added: boolean;
}

/**
 * Decodes by rules, one token at a time. A character is returned with the token that contains its last byte.
 *
 * @param pieceOf  returns undefined for a token without text (a skipped special token, or one outside the vocabulary)
 * @param options.started  whether this text continues another one, so that nothing is stripped from its beginning
 */
export function createStreamDecoder(
  rules: DecodeRules,
  pieceOf: (id: number) => TokenPiece | undefined,
  { started = false }: { readonly started?: boolean } = {},
): StreamDecoder {
  // WHY the byte order mark is kept for byte-level tokens only: the decoder of the whole text does the same.
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

/** A decoder for tokenizers without rules. It collects all tokens and decodes them together at the end. */
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

/** Returns the bytes that a token represents at any place. They may be a part of a character. */
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
 * Maps each character of a byte-level vocabulary to its byte. The printable characters of Latin-1 represent themselves. The other 68
 * bytes are represented by U+0100 and following, in order.
 */
export const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  Array.from({ length: 256 }, (_, byte) => [byteLevelCharacter(byte), byte]),
);

/** Maps each byte to its character in a byte-level vocabulary. */
export function byteLevelCharacter(byte: number): string {
  if (isPrintable(byte)) return String.fromCharCode(byte);
  let rank = 0;
  for (let other = 0; other < byte; other++) if (!isPrintable(other)) rank++;
  return String.fromCharCode(256 + rank);
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}
