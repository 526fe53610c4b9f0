/**
 * GGUF, the format of llama.cpp: version 2 and 3, little-endian.
 *
 *   magic "GGUF", u32 version, u64 tensors, u64 keys;
 *   each key: string, u32 type, value;  each tensor: string, u32 rank, u64 dims (fastest first), u32 type, u64 offset;
 *   then, at a multiple of general.alignment, the data that offsets count from
 */
import { EspalierError } from '../../core/index.ts';
import { elementCount } from '../data-type.ts';
import { ggmlFormats, type GgmlFormatName } from '../decoding/ggml-formats.ts';

export type GgufValue = string | number | bigint | boolean | readonly GgufValue[];

/** The element type of a tensor. */
export type GgufType = 'float32' | 'float16' | 'float64' | 'bfloat16' | GgmlFormatName;

/** A tensor in a GGUF file. */
export interface GgufTensor {
  readonly type: GgufType;
  /** The slowest axis first, as everywhere else. */
  readonly shape: readonly number[];
  /** The offset in the file. */
  readonly offset: number;
  readonly length: number;
}

export interface GgufContent {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** The end of the last tensor in the file. */
  readonly end: number;
}

/** A file of which parts are read. */
export interface GgufFile {
  /** What errors call it. */
  readonly path: string;
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** What is expected of a file. Beyond it the file is refused. */
export interface GgufLimits {
  readonly values: number;
  readonly headerBytes: number;
}

/** An adapter has a few dozen keys in a few kilobytes. */
const adapterLimits: GgufLimits = { values: 1_000_000, headerBytes: 2 ** 25 };
/** The largest vocabularies have 262,144 tokens with scores and types, or 400,000 merges. */
export const modelLimits: GgufLimits = { values: 8_000_000, headerBytes: 2 ** 28 };

const types: Readonly<Record<number, GgufType>> = {
  0: 'float32',
  1: 'float16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  20: 'IQ4_NL',
  23: 'IQ4_XS',
  28: 'float64',
  30: 'bfloat16',
};
const floatBytes: Readonly<Record<string, number>> = { float32: 4, float16: 2, float64: 8, bfloat16: 2 };
const defaultAlignment = 32;
const maxRank = 4;
const maxTextBytes = 65_536;

/**
 * Reads the header of a GGUF file that is in memory.
 *
 * @param path  what errors call it
 * @throws EspalierError GGUF_MALFORMED; GGUF_UNSUPPORTED for unknown element types and versions
 */
export function parseGguf(bytes: Uint8Array, path: string, limits: GgufLimits = adapterLimits): GgufContent {
  return parse(bytes, { path, size: bytes.byteLength, limits });
}

/**
 * Like `parseGguf`, but reads only the header of the file.
 *
 * @throws EspalierError the errors of `parseGguf`
 */
export async function readGgufHeader(file: GgufFile, limits: GgufLimits = adapterLimits): Promise<GgufContent> {
  const { path, size } = file;
  const most = Math.min(size, limits.headerBytes);
  for (let length = firstRead; ; length *= 4) {
    const isAll = length >= most;
    const bytes = await file.read(0, Math.min(length, most));
    try {
      return parse(bytes, { path, size, limits });
    } catch (error) {
      const isShort = error instanceof EspalierError && error.cause instanceof EndOfBytes;
      if (isAll || !isShort) throw error;
    }
  }
}

/** The header of an adapter has a few kilobytes. */
const firstRead = 2 ** 16;

/** The bytes end within a value. More of the file must be read, if there is more. */
class EndOfBytes extends RangeError {}

interface FileFacts {
  readonly path: string;
  /** Size of the whole file. `bytes` may be only its beginning. */
  readonly size: number;
  readonly limits: GgufLimits;
}

function parse(bytes: Uint8Array, facts: FileFacts): GgufContent {
  const { path } = facts;
  try {
    return new GgufReader(bytes, facts).content();
  } catch (cause) {
    if (!(cause instanceof RangeError || cause instanceof TypeError)) throw cause;
    throw new EspalierError('GGUF_MALFORMED', { path, reason: cause.message }, { cause });
  }
}

type Place = Omit<GgufTensor, 'length'> & { readonly name: string };

class GgufReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #path: string;
  readonly #size: number;
  readonly #limits: GgufLimits;
  #at = 0;
  #values = 0;

  constructor(bytes: Uint8Array, { path, size, limits }: FileFacts) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#path = path;
    this.#size = size;
    this.#limits = limits;
  }

  content(): GgufContent {
    if (decoder.decode(this.#take(4)) !== 'GGUF') throw new RangeError('it does not begin with GGUF');
    const version = this.#u32();
    if (version !== 2 && version !== 3) throw this.#unsupported(`its version is ${version}, known are 2 and 3`);
    const [tensors, keys] = [this.#u64(), this.#u64()];
    // The shortest tensor takes 24 bytes, the shortest key 13.
    if (24 * tensors + 13 * keys > this.#size) {
      throw new RangeError(`it announces ${tensors} tensors and ${keys} keys, more than it has bytes for`);
    }
    const metadata = this.#metadata(keys);
    const places = Array.from({ length: tensors }, () => this.#place());
    return { metadata, ...this.#tensors(places, alignmentOf(metadata)) };
  }

  #metadata(count: number): Map<string, GgufValue> {
    const metadata = new Map<string, GgufValue>();
    for (let i = 0; i < count; i++) {
      const key = this.#text();
      if (metadata.has(key)) throw new RangeError(`the key ${key} comes twice`);
      metadata.set(key, this.#value(this.#u32(), 0));
    }
    return metadata;
  }

  #place(): Place {
    const name = this.#text();
    const rank = this.#u32();
    if (rank === 0 || rank > maxRank) throw new RangeError(`tensor ${name} has ${rank} dimensions`);
    const shape = Array.from({ length: rank }, () => this.#u64()).reverse();
    const type = this.#u32();
    const known = types[type];
    if (known === undefined) {
      const names = Object.values(types).join(', ');
      throw this.#unsupported(`tensor ${name} has the element type ${type}, known are ${names}`);
    }
    return { name, type: known, shape, offset: this.#u64() };
  }

  #tensors(places: readonly Place[], alignment: number): Pick<GgufContent, 'tensors' | 'end'> {
    const start = Math.ceil(this.#at / alignment) * alignment;
    const tensors = new Map<string, GgufTensor>();
    let end = 0;
    for (const { name, type, shape, offset } of places.toSorted((a, b) => a.offset - b.offset)) {
      const length = lengthOf(name, type, shape);
      if (tensors.has(name)) throw new RangeError(`tensor ${name} comes twice`);
      if (shape.includes(0)) throw new RangeError(`tensor ${name} has a dimension of 0`);
      if (offset % alignment !== 0 || offset < end) throw new RangeError(`tensor ${name} cannot lie at ${offset}`);
      end = offset + length;
      if (!(start + end <= this.#size)) throw new RangeError(`tensor ${name} ends behind the file`);
      tensors.set(name, { type, shape, offset: start + offset, length });
    }
    return { tensors, end: start + end };
  }

  #value(type: number, depth: number): GgufValue {
    if (++this.#values > this.#limits.values) {
      throw new RangeError(`it has more than ${this.#limits.values} values`);
    }
    const read = scalars[type];
    if (read !== undefined) return read(this.#view, this.#skip(scalarBytes[type] ?? 0));
    if (type === textType) return this.#text();
    if (type !== arrayType) throw new RangeError(`a value has the unknown type ${type}`);
    if (depth > 0) throw new RangeError('an array holds arrays');
    const [inner, count] = [this.#u32(), this.#u64()];
    if (count > this.#size) throw new RangeError(`an array announces ${count} values`);
    const values: GgufValue[] = [];
    for (let i = 0; i < count; i++) values.push(this.#value(inner, depth + 1));
    return values;
  }

  #text(): string {
    const length = this.#u64();
    if (length > maxTextBytes) throw new RangeError(`a text announces ${length} bytes`);
    return decoder.decode(this.#take(length));
  }

  #u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  #u64(): number {
    const value = Number(this.#view.getBigUint64(this.#skip(8), true));
    if (!Number.isSafeInteger(value)) throw new RangeError(`the number at ${this.#at - 8} is beyond 2^53 - 1`);
    return value;
  }

  #take(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Skips this many bytes, which must exist. */
  #skip(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.byteLength)
      throw new EndOfBytes(`it ends at ${this.#bytes.byteLength}, within a value`);
    this.#at += length;
    return start;
  }

  #unsupported(reason: string): EspalierError {
    return new EspalierError('GGUF_UNSUPPORTED', { path: this.#path, reason });
  }
}

/** The number of bytes of a tensor. Rows of blocks are whole blocks. */
function lengthOf(name: string, type: GgufType, shape: readonly number[]): number {
  const count = elementCount(shape);
  const size = floatBytes[type];
  if (size !== undefined) return count * size;
  const { elements, bytes } = ggmlFormats[type as GgmlFormatName];
  const columns = shape.at(-1) ?? 0;
  if (columns % elements !== 0)
    throw new RangeError(`tensor ${name} has rows of ${columns}, no whole blocks of ${elements}`);
  return (count / elements) * bytes;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const [textType, arrayType] = [8, 9];

const scalars: Readonly<Record<number, (view: DataView, at: number) => GgufValue>> = {
  0: (view, at) => view.getUint8(at),
  1: (view, at) => view.getInt8(at),
  2: (view, at) => view.getUint16(at, true),
  3: (view, at) => view.getInt16(at, true),
  4: (view, at) => view.getUint32(at, true),
  5: (view, at) => view.getInt32(at, true),
  6: (view, at) => view.getFloat32(at, true),
  7: (view, at) => view.getUint8(at) !== 0,
  10: (view, at) => view.getBigUint64(at, true),
  11: (view, at) => view.getBigInt64(at, true),
  12: (view, at) => view.getFloat64(at, true),
};
const scalarBytes: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get('general.alignment') ?? defaultAlignment;
  if (
    typeof alignment === 'number' &&
    alignment >= 8 &&
    alignment <= 65_536 &&
    Number.isInteger(Math.log2(alignment))
  ) {
    return alignment;
  }
  throw new RangeError(`its alignment is ${String(alignment)}`);
}
