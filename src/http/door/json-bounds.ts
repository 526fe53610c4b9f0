import { EspalierError, Pace } from '../../core/index.ts';

/** Limits for the contents of a JSON body. Its length alone bounds neither the time nor the memory that it costs. */
export interface JsonBounds {
  readonly depth: number;
  /** Number of lists and objects. */
  readonly containers: number;
  /** Number of members of objects. */
  readonly members: number;
  /** Number of elements and members, counted by commas. */
  readonly values: number;
}

/** Limits of requests to OpenAI's API. They allow chats of a thousand messages in parts, and prompts of half a million token ids. */
export const requestBounds: JsonBounds = { depth: 64, containers: 32_768, members: 32_768, values: 524_288 };

/** Limits of tensors in JSON. WHY more lists: a tensor may come as one list per row. */
export const tensorBounds: JsonBounds = { depth: 64, containers: 131_072, members: 16_384, values: 524_288 };

/** A list or an object that is open at a cut. */
export interface OpenContainer {
  readonly kind: 'list' | 'object';
  /** Of an object, the bytes of the name of its open member, with quotes. */
  readonly name: readonly [start: number, end: number];
}

/** A place at which the text can be divided into pieces that are parsed one after the other. */
export interface JsonCut {
  /** A comma, which belongs to neither piece, or a byte of a string, which begins the next piece. */
  readonly at: number;
  readonly inString: boolean;
  /** From the outermost inwards. At a comma the innermost one continues with a new element or member. */
  readonly open: readonly OpenContainer[];
}

/** Results of the scan. */
export interface JsonShape {
  /** Whether a run of 16 or more digits occurs outside of strings: a number that may not be exact. */
  readonly hasLongNumber: boolean;
  /** None in a short text. */
  readonly cuts: readonly JsonCut[];
}

/** JSON.parse takes well under a millisecond for so many bytes. */
const bytesPerPiece = 2 ** 16;

/** Longer than any name, and short enough to be read again at each cut. */
const maxNameBytes = 2 ** 14;

/**
 * Scans the bytes of JSON in slices before they are parsed, and finds the places where they can be cut. WHY: `JSON.parse` cannot be
 * interrupted, and its result is in memory at once. Malformed JSON is left to the parser, except what cuts would hide from it.
 *
 * @param pieceBytes  least bytes between two cuts
 * @throws EspalierError REQUEST_INVALID with the limit that is exceeded
 */
export async function checkJsonBounds(
  bytes: Uint8Array,
  bounds: JsonBounds,
  pieceBytes = bytesPerPiece,
): Promise<JsonShape> {
  const scan = new JsonScan(bytes, bounds, pieceBytes);
  const pace = new Pace();
  for (let end = bytesPerPiece; !scan.isDone; end += bytesPerPiece) {
    scan.scanTo(Math.min(end, bytes.length));
    scan.assertWithin();
    const turn = pace.step();
    if (turn) await turn;
  }
  return scan;
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openList = 0x5b;
const backslash = 0x5c;
const closeList = 0x5d;
const letterU = 0x75;
const openObject = 0x7b;
const closeObject = 0x7d;

class JsonScan implements JsonShape {
  hasLongNumber = false;
  readonly cuts: JsonCut[] = [];
  readonly #bytes: Uint8Array;
  readonly #bounds: JsonBounds;
  readonly #pieceBytes: number;
  readonly #counts = { containers: 0, members: 0, values: 0 };
  readonly #open: OpenContainer[] = [];
  #at = 0;
  #lastCut = 0;
  #digits = 0;
  /** The last byte that is no white space, outside of strings. */
  #before = 0;
  /** Where the string begins in which the scan is; undefined outside of strings. */
  #string: number | undefined;
  /** The end of the last escape in a string. */
  #escapeEnd = 0;
  /** The last string, with its quotes. */
  #lastString: readonly [start: number, end: number] = [0, 0];

  constructor(bytes: Uint8Array, bounds: JsonBounds, pieceBytes: number) {
    [this.#bytes, this.#bounds, this.#pieceBytes] = [bytes, bounds, pieceBytes];
  }

  get isDone(): boolean {
    return this.#at >= this.#bytes.length;
  }

  assertWithin(): void {
    for (const name of ['containers', 'members', 'values'] as const) {
      if (this.#counts[name] > this.#bounds[name]) throw tooMuch(name, this.#bounds);
    }
  }

  scanTo(end: number): void {
    while (this.#at < end) {
      if (this.#string === undefined) this.#scanMarks(end);
      else this.#scanString(end, this.#string);
    }
  }

  /** Scans what is outside of strings, up to the beginning of a string or to `end`. */
  #scanMarks(end: number): void {
    const bytes = this.#bytes;
    for (; this.#at < end; this.#at++) {
      const byte = bytes[this.#at] ?? 0;
      if (byte >= 0x30 && byte <= 0x39) {
        this.#digits++;
        this.hasLongNumber ||= this.#digits === 16;
        this.#before = byte;
        continue;
      }
      this.#digits = 0;
      if (byte <= 0x20) continue;
      if (byte === quote) {
        this.#string = this.#at++;
        return;
      }
      this.#mark(byte);
      this.#before = byte;
    }
  }

  #mark(byte: number): void {
    if (byte === comma) {
      this.#counts.values++;
      this.#cutAtComma();
    } else if (byte === colon) {
      this.#counts.members++;
      this.#nameMember();
    } else if (byte === openList || byte === openObject) {
      this.#counts.containers++;
      const kind = byte === openList ? 'list' : 'object';
      if (this.#open.push({ kind, name: [0, 0] }) > this.#bounds.depth) throw tooMuch('depth', this.#bounds);
    } else if (byte === closeList || byte === closeObject) {
      const kind = byte === closeList ? 'list' : 'object';
      // After a cut the parser does not see the comma before this.
      if (this.#before === comma) throw malformed();
      const opened = this.#open.pop();
      if (opened !== undefined && opened.kind !== kind) throw malformed();
    }
  }

  #nameMember(): void {
    const [start, end] = this.#lastString;
    if (end - start > maxNameBytes) {
      const problem = `a name of ${end - start} bytes came: it is the name of no field`;
      throw new EspalierError('REQUEST_INVALID', { param: 'body', problem });
    }
    const last = this.#open.pop();
    if (last !== undefined) this.#open.push({ kind: last.kind, name: this.#lastString });
  }

  #cutAtComma(): void {
    if (this.#at - this.#lastCut < this.#pieceBytes || this.#open.length === 0) return;
    // The parser would see neither this comma nor, at the beginning of a piece, the one before it.
    if (this.#before === comma || this.#before === openList || this.#before === openObject) throw malformed();
    this.#cut(false);
  }

  /** Scans a string up to its end or to `end`. */
  #scanString(end: number, start: number): void {
    const bytes = this.#bytes;
    const isValue = this.#before === colon || this.#open.at(-1)?.kind !== 'object';
    for (; this.#at < end; this.#at++) {
      const byte = bytes[this.#at] ?? 0;
      if (byte === quote && this.#at >= this.#escapeEnd) {
        this.#string = undefined;
        this.#lastString = [start, ++this.#at];
        this.#before = quote;
        return;
      }
      if (this.#at < this.#escapeEnd) continue;
      const isDue = isValue && this.#at - this.#lastCut >= this.#pieceBytes;
      // WHY not at a continuation byte: a piece must begin with a whole character.
      if (isDue && this.#at > start + 1 && (byte & 0xc0) !== 0x80) this.#cut(true);
      if (byte === backslash) this.#escapeEnd = this.#at + (bytes[this.#at + 1] === letterU ? 6 : 2);
    }
  }

  #cut(inString: boolean): void {
    this.#lastCut = this.#at;
    this.cuts.push({ at: this.#at, inString, open: this.#open.slice() });
  }
}

function malformed(): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param: 'body', problem: 'it is no JSON' });
}

const problems: Readonly<Record<keyof JsonBounds, (limit: number) => string>> = {
  depth: (limit) => `lists and objects are nested more than ${limit} deep`,
  containers: (limit) => `it has more than ${limit} lists and objects; split the request`,
  members: (limit) => `its objects have more than ${limit} members; split the request`,
  values: (limit) => `it has more than ${limit} values; split the request, or send tensors as bytes`,
};

function tooMuch(name: keyof JsonBounds, bounds: JsonBounds): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param: 'body', problem: problems[name](bounds[name]) });
}
