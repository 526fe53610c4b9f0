import { breathe, EspalierError } from '../core/index.ts';
import { elementSize, type DataType } from './data-type.ts';
import { HeaderScanner } from './header-scanner.ts';

/** The type, shape and byte range of one tensor in a safetensors file. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Bytes from the beginning of the file. */
  readonly offset: number;
  /** Bytes of the tensor. */
  readonly length: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of the header. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
}

/** The names that the format uses for element types. */
export const safetensorsTypes = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F8_E4M3: 'float8e4m3fn',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
} as const satisfies Record<string, DataType>;

const typeByName: ReadonlyMap<string, DataType> = new Map(Object.entries(safetensorsTypes));

/** Maximum number of dimensions. The format sets none; no real tensor comes near this one, and it keeps hostile shapes short. */
const maxRank = 64;
/** Number of entries read before other tasks run: well under 2 ms of work. */
const entriesPerSlice = 64;

interface Source {
  readonly path: string;
  /** Byte offset of the data in the file: 8 + the length of the header. */
  readonly dataStart: number;
  readonly fileSize: number;
}

/**
 * Parses a header and checks its JSON, every type, shape and range, and that the tensors cover the data exactly: no byte
 * belongs to two tensors or to none.
 *
 * @param bytes  the header without the eight bytes of its length
 * @throws EspalierError SAFETENSORS_*, one code for each kind of damage
 */
export async function parseSafetensorsHeader(bytes: Uint8Array, source: Source): Promise<SafetensorsHeader> {
  const scanner = new HeaderScanner(bytes, source.path);
  if (bytes[0] !== 0x7b) throw scanner.fail('it does not begin with {');
  let metadata: Record<string, string> = {};
  const entries = new Map<string, SafetensorsEntry>();
  for (const name of scanner.keys()) {
    if (name === '__metadata__') metadata = await readMetadata(scanner);
    else entries.set(name, readEntry(scanner, name, source));
    if (entries.size % entriesPerSlice === 0) await breathe();
  }
  scanner.end();
  checkCover([...entries.values()], source);
  return { metadata, entries };
}

async function readMetadata(scanner: HeaderScanner): Promise<Record<string, string>> {
  const pairs: [string, string][] = [];
  for (const key of scanner.keys()) {
    pairs.push([key, scanner.string()]);
    if (pairs.length % entriesPerSlice === 0) await breathe();
  }
  return Object.fromEntries(pairs); // defines even a key like __proto__ as a plain property
}

function readEntry(scanner: HeaderScanner, name: string, source: Source): SafetensorsEntry {
  let dtype: DataType | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  for (const key of scanner.keys()) {
    if (key === 'dtype') dtype = readType(scanner, name, source.path);
    else if (key === 'shape') shape = readIntegers(scanner, name, 'SAFETENSORS_SHAPE_INVALID', source.path);
    else if (key === 'data_offsets') offsets = readIntegers(scanner, name, 'SAFETENSORS_OFFSETS_INVALID', source.path);
    else throw scanner.fail(`tensor ${name} has the unknown key ${JSON.stringify(key)}`);
  }
  if (dtype === undefined) throw scanner.fail(`tensor ${name} has no dtype`);
  if (shape === undefined) throw scanner.fail(`tensor ${name} has no shape`);
  if (offsets === undefined) throw scanner.fail(`tensor ${name} has no data_offsets`);
  return locate(name, { dtype, shape, offsets }, source);
}

function readType(scanner: HeaderScanner, name: string, path: string): DataType {
  const dtype = scanner.string();
  const known = typeByName.get(dtype);
  if (known !== undefined) return known;
  const names = [...typeByName.keys()].join(', ');
  throw new EspalierError('SAFETENSORS_DTYPE_UNKNOWN', { name, path, dtype, known: names });
}

function readIntegers(
  scanner: HeaderScanner,
  name: string,
  code: 'SAFETENSORS_SHAPE_INVALID' | 'SAFETENSORS_OFFSETS_INVALID',
  path: string,
): number[] {
  const values: number[] = [];
  for (const _ of scanner.items()) {
    const text = scanner.number();
    const value = Number(text);
    if (!/^\d+$/.test(text))
      throw new EspalierError(code, { name, path, reason: `${text} is no whole number from 0 up` });
    if (!Number.isSafeInteger(value))
      throw new EspalierError(code, { name, path, reason: `${text} is beyond 2^53 - 1` });
    if (values.push(value) > maxRank)
      throw new EspalierError(code, { name, path, reason: `more than ${maxRank} numbers` });
  }
  return values;
}

interface RawEntry {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly offsets: readonly number[];
}

function locate(name: string, { dtype, shape, offsets }: RawEntry, source: Source): SafetensorsEntry {
  const { path } = source;
  const invalid = (reason: string): EspalierError =>
    new EspalierError('SAFETENSORS_OFFSETS_INVALID', { name, path, reason });
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2) {
    throw invalid(`expected two numbers, got ${offsets.length}`);
  }
  if (begin > end) throw invalid(`it begins at ${begin}, after its end at ${end}`);
  const needed = checkedByteLength(name, dtype, shape, path);
  if (end - begin !== needed) {
    throw invalid(`${dtype} [${shape.join(', ')}] takes ${needed} bytes, the range has ${end - begin}`);
  }
  const expected = source.dataStart + end;
  if (expected > source.fileSize) {
    throw new EspalierError('SAFETENSORS_TRUNCATED', {
      path,
      what: `tensor ${name}`,
      expected,
      actual: source.fileSize,
    });
  }
  return { name, dtype, shape, offset: source.dataStart + begin, length: needed };
}

/** WHY checked after each factor: a product such as 2^40 · 2^40 · 0 must not pass as 0. */
function checkedByteLength(name: string, dtype: DataType, shape: readonly number[], path: string): number {
  let length = elementSize(dtype);
  for (const dim of shape) {
    length *= dim;
    if (Number.isSafeInteger(length)) continue;
    const reason = `[${shape.join(', ')}] has more than 2^53 - 1 bytes`;
    throw new EspalierError('SAFETENSORS_SHAPE_INVALID', { name, path, reason });
  }
  return length;
}

/** Throws unless each byte of the data belongs to exactly one tensor. */
function checkCover(entries: SafetensorsEntry[], { path, dataStart, fileSize }: Source): void {
  entries.sort((a, b) => a.offset - b.offset || a.length - b.length);
  let [covered, last] = [dataStart, ''];
  for (const { name, offset, length } of entries) {
    if (offset < covered) throw new EspalierError('SAFETENSORS_OVERLAP', { path, first: last, second: name });
    if (offset > covered) throw new EspalierError('SAFETENSORS_GAP', { path, name, length: offset - covered });
    [covered, last] = [offset + length, name];
  }
  if (covered < fileSize) throw new EspalierError('SAFETENSORS_TRAILING_BYTES', { path, length: fileSize - covered });
}
