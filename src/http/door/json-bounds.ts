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

const bytesPerSlice = 2 ** 16;

/** Further results of the scan. */
export interface JsonShape {
  /** Whether a run of 16 or more digits occurs outside of strings: a number that may not be exact. */
  readonly hasLongNumber: boolean;
}

/**
 * Scans the bytes of JSON in slices before they are parsed. WHY: `JSON.parse` cannot be interrupted, and its result is in memory at
 * once. Malformed JSON is left to the parser.
 *
 * @throws EspalierError REQUEST_INVALID with the limit that is exceeded
 */
export async function checkJsonBounds(bytes: Uint8Array, bounds: JsonBounds): Promise<JsonShape> {
  const pace = new Pace();
  const counts = { depth: 0, containers: 0, members: 0, values: 0 };
  let digits = 0;
  let hasLongNumber = false;
  let next = bytesPerSlice;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x30 && byte <= 0x39) {
      hasLongNumber ||= ++digits === 16;
    } else {
      digits = 0;
      if (byte === quote) at = endOfString(bytes, at);
      else if (byte === 0x2c) counts.values++;
      else if (byte === 0x3a) counts.members++;
      else if (byte === 0x5d || byte === 0x7d) counts.depth--;
      else if (byte === 0x5b || byte === 0x7b) {
        counts.containers++;
        if (++counts.depth > bounds.depth) throw tooMuch('depth', bounds);
      }
    }
    if (at < next) continue;
    next = at + bytesPerSlice;
    assertWithin(counts, bounds);
    const turn = pace.step();
    if (turn) await turn;
  }
  assertWithin(counts, bounds);
  return { hasLongNumber };
}

const quote = 0x22;
const backslash = 0x5c;

/** The end of the string that begins at `start`; beyond the bytes if it has no end. */
function endOfString(bytes: Uint8Array, start: number): number {
  for (let end = bytes.indexOf(quote, start + 1); end >= 0; end = bytes.indexOf(quote, end + 1)) {
    let escapes = 0;
    while (bytes[end - 1 - escapes] === backslash) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return bytes.length;
}

function assertWithin(counts: JsonBounds, bounds: JsonBounds): void {
  for (const name of ['containers', 'members', 'values'] as const) {
    if (counts[name] > bounds[name]) throw tooMuch(name, bounds);
  }
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
