/**
 * GGUF, the format of llama.cpp, as far as LoRA adapters need it: version 2 and 3, little-endian, tensors of plain floats.
 *
 *   magic "GGUF", u32 version, u64 tensors, u64 keys;
 *   each key: string, u32 type, value;  each tensor: string, u32 rank, u64 dims (fastest first), u32 type, u64 offset;
 *   then, at a multiple of general.alignment, the data that offsets count from
 */
import { EspalierError } from '../../../core/index.ts';
import type { AdapterFile } from '../../source/adapter-source.ts';
import { byteLength, type DataType, type TensorData } from '../../../tensor/index.ts';

export type GgufValue = string | number | bigint | boolean | readonly GgufValue[];

export interface GgufContent {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** By name; shapes slowest axis first, as everywhere else. Views of the file. */
  readonly tensors: ReadonlyMap<string, TensorData>;
  /** The end of the last tensor in the file. */
  readonly end: number;
}

const types: Readonly<Record<number, DataType>> = { 0: 'float32', 1: 'float16', 28: 'float64', 30: 'bfloat16' };
const defaultAlignment = 32;
const maxRank = 4;
const maxTextBytes = 65_536;
/** An adapter has a few dozen keys. Only models have arrays of a vocabulary. */
const maxValues = 1_000_000;

/**
 * Reads a GGUF file.
 *
 * @param path  what errors call it
 * @throws EspalierError GGUF_MALFORMED; GGUF_UNSUPPORTED for quantized tensors and other versions
 */
export function parseGguf(bytes: Uint8Array, path: string): GgufContent {
  return parse(bytes, { path, size: bytes.byteLength });
}

/**
 * Like `parseGguf`, but reads only the header of the file. The tensors have types and shapes, but no bytes.
 *
 * @throws EspalierError the errors of `parseGguf`
 */
export async function readGgufHeader(file: AdapterFile): Promise<GgufContent> {
  for (let length = firstRead; ; length *= 4) {
    const isAll = length >= Math.min(file.size, maxHeaderBytes);
    const bytes = await file.read(0, Math.min(length, file.size, maxHeaderBytes));
    try {
      return parse(bytes, file);
    } catch (error) {
      const isShort = error instanceof EspalierError && error.cause instanceof EndOfBytes;
      if (isAll || !isShort) throw error;
    }
  }
}

/** The header of an adapter has a few kilobytes. */
const firstRead = 2 ** 16;
/** Ten times larger than any header of an adapter. */
const maxHeaderBytes = 2 ** 25;

/** The bytes end within a value. More of the file must be read, if there is more. */
class EndOfBytes extends RangeError {}

interface FileFacts {
  readonly path: string;
  /** Size of the whole file. `bytes` may be only its beginning. */
  readonly size: number;
}

function parse(bytes: Uint8Array, { path, size }: FileFacts): GgufContent {
  try {
    return new GgufReader(bytes, { path, size }).content();
  } catch (cause) {
    if (!(cause instanceof RangeError || cause instanceof TypeError)) throw cause;
    throw new EspalierError('GGUF_MALFORMED', { path, reason: cause.message }, { cause });
  }
}

interface Place {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly offset: number;
}

class GgufReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #path: string;
  readonly #size: number;
  #at = 0;
  #values = 0;

  constructor(bytes: Uint8Array, { path, size }: FileFacts) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#path = path;
    this.#size = size;
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
    const dtype = types[type];
    if (dtype === undefined) throw this.#unsupported(`tensor ${name} has the element type ${type}, no plain float`);
    return { name, dtype, shape, offset: this.#u64() };
  }

  #tensors(places: readonly Place[], alignment: number): Pick<GgufContent, 'tensors' | 'end'> {
    const start = Math.ceil(this.#at / alignment) * alignment;
    const tensors = new Map<string, TensorData>();
    let end = 0;
    for (const { name, dtype, shape, offset } of places.toSorted((a, b) => a.offset - b.offset)) {
      const length = byteLength(dtype, shape);
      if (tensors.has(name)) throw new RangeError(`tensor ${name} comes twice`);
      if (shape.includes(0)) throw new RangeError(`tensor ${name} has a dimension of 0`);
      if (offset % alignment !== 0 || offset < end) throw new RangeError(`tensor ${name} cannot lie at ${offset}`);
      end = offset + length;
      if (!(start + end <= this.#size)) throw new RangeError(`tensor ${name} ends behind the file`);
      tensors.set(name, { dtype, shape, bytes: this.#bytes.subarray(start + offset, start + end) });
    }
    return { tensors, end: start + end };
  }

  #value(type: number, depth: number): GgufValue {
    if (++this.#values > maxValues) throw new RangeError(`it has more than ${maxValues} values`);
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
