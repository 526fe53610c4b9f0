import { randomUUID } from 'node:crypto';
import { EspalierError, Pace } from '../../core/index.ts';
import { typedArray, unpackStrings, zerosOf, type DataType, type TensorData } from '../../tensor/index.ts';
import { isBinaryOnly } from './datatypes.ts';
import { assertCount, type TensorHeader } from './tensor-bytes.ts';

/** Elements that are written or read between two checks of the clock. */
const elementsPerSlice = 4096;
const stringsPerSlice = 256;

/** Prefix for the digits of an integer that a JavaScript number cannot hold. WHY random: no string of a client must look like one. */
const integerMark = `${randomUUID()}:`;

/**
 * Like `JSON.parse`, but keeps integers beyond 2^53 digit by digit and does not round them.
 * @throws SyntaxError
 */
export function parseJsonExactly(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  // Strings are matched first, so that digits inside them are not changed.
  const marked = text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g, (token) => {
    const isLong = token[0] !== '"' && !Number.isSafeInteger(Number(token));
    return isLong ? JSON.stringify(integerMark + token) : token;
  });
  return JSON.parse(marked);
}

/**
 * Makes a tensor from the numbers, booleans or strings in a request: one flat list, or nested lists of the given shape.
 *
 * @throws EspalierError REQUEST_INVALID with the place of the first error
 */
export async function tensorOfJson(data: unknown, header: TensorHeader): Promise<TensorData> {
  const { dtype, shape, param } = header;
  if (!Array.isArray(data)) throw wrong(`${param}.data`, 'expected a list');
  if (isBinaryOnly(dtype)) throw wrong(param, 'half-width floats have no form in JSON: send their bytes');
  const pace = new Pace();
  const flat = Array.isArray(data[0]) ? await flatten(data, header, pace) : (data as readonly unknown[]);
  assertCount(flat.length, header);
  if (dtype === 'string') return { dtype, shape, bytes: await bytesOfStrings(flat, param, pace) };
  const tensor = zerosOf(dtype, shape);
  await fill(typedArray(tensor), flat, { ...header, pace });
  return tensor;
}

async function flatten(data: readonly unknown[], { shape, param }: TensorHeader, pace: Pace): Promise<unknown[]> {
  let level: readonly unknown[] = [data];
  for (const [axis, size] of shape.entries()) {
    const next: unknown[] = [];
    for (const list of level) {
      if (!Array.isArray(list) || list.length !== size) {
        const found = Array.isArray(list) ? `a list of ${list.length}` : shown(list);
        throw wrong(`${param}.data`, `expected lists of ${size} at depth ${axis}, got ${found}`);
      }
      for (const element of list as readonly unknown[]) next.push(element);
      await pace.step();
    }
    level = next;
  }
  return [...level];
}

async function fill(
  target: ReturnType<typeof typedArray>,
  values: readonly unknown[],
  { dtype, param, pace }: TensorHeader & { readonly pace: Pace },
): Promise<void> {
  const read = readers[dtype];
  if (read === undefined) throw wrong(param, `values of type ${dtype} cannot be read from JSON`);
  for (let start = 0; start < values.length; start += elementsPerSlice) {
    const end = Math.min(values.length, start + elementsPerSlice);
    for (let i = start; i < end; i++) {
      const value = read(values[i]);
      if (value === undefined) {
        throw wrong(`${param}.data.${i}`, `expected ${kindOf(dtype)}, got ${shown(values[i])}`);
      }
      target[i] = value;
    }
    await pace.step();
  }
}

type Reader = (value: unknown) => number | bigint | undefined;

const integer =
  (bits: number, isSigned: boolean): Reader =>
  (value) => {
    const [low, high] = isSigned ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
    return typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high ? value : undefined;
  };

const wide =
  (isSigned: boolean): Reader =>
  (value) => {
    const number = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : markedInteger(value);
    if (number === undefined) return undefined;
    const wrapped = isSigned ? BigInt.asIntN(64, number) : BigInt.asUintN(64, number);
    return wrapped === number ? number : undefined;
  };

function markedInteger(value: unknown): bigint | undefined {
  const digits = typeof value === 'string' && value.startsWith(integerMark) ? value.slice(integerMark.length) : '';
  return /^-?\d{1,32}$/.test(digits) ? BigInt(digits) : undefined;
}

/** WHY marked integers too: a float may be written as a long integer. */
const float =
  (largest: number): Reader =>
  (value) => {
    const number = typeof value === 'number' ? value : Number(markedInteger(value) ?? Number.NaN);
    return Math.abs(number) <= largest ? number : undefined;
  };

const readers: Partial<Record<DataType, Reader>> = {
  bool: (value) => (typeof value === 'boolean' ? Number(value) : value === 0 || value === 1 ? value : undefined),
  int8: integer(8, true),
  int16: integer(16, true),
  int32: integer(32, true),
  int64: wide(true),
  uint8: integer(8, false),
  uint16: integer(16, false),
  uint32: integer(32, false),
  uint64: wide(false),
  float32: float(3.402_823_466_385_288_6e38),
  float64: float(Number.MAX_VALUE),
};

function kindOf(dtype: DataType): string {
  if (dtype === 'bool') return 'true or false';
  return dtype.startsWith('float') ? `a number that ${dtype} holds` : `an integer that ${dtype} holds`;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(typeof value === 'string' ? value.slice(0, 120).replace(integerMark, '') : value).slice(0, 60);
}

/** Packs strings in slices, each behind its length. @see `packStrings` of `tensor` */
async function bytesOfStrings(values: readonly unknown[], param: string, pace: Pace): Promise<Uint8Array> {
  let total = 0;
  for (const [i, value] of values.entries()) {
    if (typeof value !== 'string' || value.startsWith(integerMark)) {
      throw wrong(`${param}.data.${i}`, 'expected a string');
    }
    total += 4 + Buffer.byteLength(value);
    const turn = i % stringsPerSlice === 0 ? pace.step() : undefined;
    if (turn) await turn;
  }
  const packed = Buffer.alloc(total);
  let offset = 0;
  for (const [i, value] of values.entries()) {
    const written = packed.write(String(value), offset + 4);
    packed.writeUInt32LE(written, offset);
    offset += 4 + written;
    const turn = i % stringsPerSlice === 0 ? pace.step() : undefined;
    if (turn) await turn;
  }
  return packed;
}

/**
 * A tensor's elements as the text of a flat JSON list.
 *
 * @param name  of the output, for messages
 * @throws EspalierError INFER_OUTPUT_NOT_JSON if a value has no form in JSON
 */
export async function jsonOfTensor(name: string, tensor: TensorData): Promise<string> {
  if (tensor.dtype === 'string') {
    return jsonOfStrings(tensor.bytes);
  }
  const values = typedArray(tensor);
  const pace = new Pace();
  const parts: string[] = [];
  for (let start = 0; start < values.length; start += elementsPerSlice) {
    const texts: unknown[] = [];
    for (let i = start; i < Math.min(values.length, start + elementsPerSlice); i++) {
      const value = values[i];
      if (typeof value === 'number' && !Number.isFinite(value)) {
        throw new EspalierError('INFER_OUTPUT_NOT_JSON', { name, problem: `holds ${value}` });
      }
      texts.push(tensor.dtype === 'bool' ? value !== 0 : value);
    }
    parts.push(texts.join());
    await pace.step();
  }
  return `[${parts.join()}]`;
}

async function jsonOfStrings(packed: Uint8Array): Promise<string> {
  const pace = new Pace();
  const utf8 = new TextDecoder();
  const parts: string[] = [];
  for (const [i, element] of (unpackStrings(packed) ?? []).entries()) {
    parts.push(JSON.stringify(utf8.decode(element)));
    const turn = i % stringsPerSlice === 0 ? pace.step() : undefined;
    if (turn) await turn;
  }
  return `[${parts.join()}]`;
}

function wrong(param: string, problem: string): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param, problem });
}
