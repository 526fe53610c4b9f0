import { EspalierError } from '../core/index.ts';

const quote = 0x22;
const backslash = 0x5c;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads JSON token by token from bytes, for a text whose structure is known beforehand.
 *
 * WHY not JSON.parse: if a key occurs twice it keeps the last value, it rounds large integers silently, and it blocks the
 * event loop for the whole text. Here the caller decides when other tasks run.
 */
export class HeaderScanner {
  readonly #bytes: Buffer;
  readonly #path: string;
  #position = 0;

  constructor(bytes: Uint8Array, path: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#path = path;
  }

  fail(reason: string, position = this.#position): EspalierError {
    return new EspalierError('SAFETENSORS_HEADER_INVALID', { path: this.#path, position, reason });
  }

  /** Skips white space and reads this character of punctuation. Throws if another one follows. */
  expect(character: string): void {
    if (!this.accept(character)) throw this.fail(`expected ${character}, found ${this.#describeNext()}`);
  }

  /** Skips white space and reads this character of punctuation if it is next. @returns whether it was */
  accept(character: string): boolean {
    this.#skipSpace();
    if (this.#bytes[this.#position] !== character.charCodeAt(0)) return false;
    this.#position++;
    return true;
  }

  /** Yields each key of `{"key": …, …}` after its colon. The caller reads the value. Throws if a key occurs twice. */
  *keys(): Generator<string> {
    const seen = new Set<string>();
    this.expect('{');
    if (this.accept('}')) return;
    do {
      const start = this.#position;
      const key = this.string();
      if (seen.has(key)) throw this.fail(`the key ${JSON.stringify(key)} comes twice`, start);
      seen.add(key);
      this.expect(':');
      yield key;
    } while (this.accept(','));
    this.expect('}');
  }

  /** Yields before each item of `[…]`. The caller reads the item. */
  *items(): Generator<void> {
    this.expect('[');
    if (this.accept(']')) return;
    do yield;
    while (this.accept(','));
    this.expect(']');
  }

  string(): string {
    this.expect('"');
    const start = this.#position;
    const end = this.#endOfString(start);
    this.#position = end + 1;
    const text = this.#decode(start, end);
    // eslint-disable-next-line no-control-regex
    if (/[\u0000-\u001f]/.test(text)) throw this.fail('a string holds a control character', start);
    const value = text.includes('\\') ? this.#unescape(text, start) : text;
    if (/\p{Surrogate}/u.test(value)) throw this.fail('a string holds half of a surrogate pair', start);
    return value;
  }

  /** Reads a number and returns its text. The caller checks its range. */
  number(): string {
    this.#skipSpace();
    const start = this.#position;
    while (isNumberByte(this.#bytes[this.#position])) this.#position++;
    const text = this.#bytes.toString('latin1', start, this.#position);
    if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) {
      this.#position = start;
      throw this.fail(`expected a number, found ${this.#describeNext()}`);
    }
    return text;
  }

  /** Throws if anything but white space remains. */
  end(): void {
    this.#skipSpace();
    if (this.#position < this.#bytes.length) throw this.fail(`expected the end, found ${this.#describeNext()}`);
  }

  #endOfString(start: number): number {
    for (let from = start; ;) {
      const end = this.#bytes.indexOf(quote, from);
      if (end < 0) throw this.fail('a string has no end', start);
      let escapes = 0;
      while (end - escapes > start && this.#bytes[end - escapes - 1] === backslash) escapes++;
      if (escapes % 2 === 0) return end;
      from = end + 1;
    }
  }

  #decode(start: number, end: number): string {
    try {
      return utf8.decode(this.#bytes.subarray(start, end));
    } catch (cause) {
      throw new EspalierError(
        'SAFETENSORS_HEADER_INVALID',
        { path: this.#path, position: start, reason: 'a string is not UTF-8' },
        { cause },
      );
    }
  }

  #unescape(text: string, position: number): string {
    try {
      return String(JSON.parse(`"${text}"`));
    } catch {
      throw this.fail('a string has an unknown escape', position);
    }
  }

  #skipSpace(): void {
    while (isSpace(this.#bytes[this.#position])) this.#position++;
  }

  #describeNext(): string {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) return 'the end';
    return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `byte 0x${byte.toString(16).padStart(2, '0')}`;
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Whether the byte can be part of a number: a digit, a sign, the decimal point or the letter of an exponent. */
function isNumberByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (byte >= 0x30 && byte <= 0x39) || '+-.eE'.includes(String.fromCharCode(byte));
}
