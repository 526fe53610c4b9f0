/**
 * A few words of WebAssembly as bytes: as much as straight loops over 128-bit vectors need. It knows nothing of what they compute.
 *
 * @see WebAssembly Core Specification 2.0, section 5 (binary format)
 */
export type Code = readonly number[];

/** Types of values. */
export const types = { i32: 0x7f, v128: 0x7b } as const;

/** Instructions on vectors, by their numbers behind the prefix 0xfd. */
export const vectorOps = {
  'v128.or': 0x50,
  'i32x4.splat': 0x11,
  'i32x4.shl': 0xab,
  'i32x4.shr_u': 0xad,
  'i32x4.add': 0xae,
  'i32x4.mul': 0xb5,
  'f32x4.add': 0xe4,
  'f32x4.max': 0xe9,
} as const;
export type VectorOp = keyof typeof vectorOps;

/** LEB128 of a number that is not negative. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest & 127) | 128);
  }
}

/** LEB128 of a number of 32 bits with a sign. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = Math.trunc(value) | 0; ; rest >>= 7) {
    const isLast = rest >> 6 === 0 || rest >> 6 === -1;
    bytes.push(isLast ? rest & 127 : (rest & 127) | 128);
    if (isLast) return bytes;
  }
}

const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const sized = (content: Code): Code => [...unsigned(content.length), ...content];

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number): Code => [0x21, ...unsigned(local)];
export const constant = (value: number): Code => [0x41, ...signed(value)];
export const vector = (op: VectorOp): Code => [0xfd, ...unsigned(vectorOps[op])];
/** A vector at the address on the stack, and so many bytes behind it. */
export const load = (offset: number): Code => [0xfd, ...unsigned(0x00), 4, ...unsigned(offset)];
export const store = (offset: number): Code => [0xfd, ...unsigned(0x0b), 4, ...unsigned(offset)];
/** Adds to a local. */
export const advance = (local: number, by: number): Code => [...get(local), ...constant(by), 0x6a, ...set(local)];
/** Repeats a body until a local is 0, at least once. */
export const repeat = (left: number, body: Code): Code => [0x03, 0x40, ...body, ...get(left), 0x0d, 0, 0x0b];

export interface WasmFunction {
  readonly name: string;
  /** Locals of vectors, behind the three parameters. */
  readonly vectors: number;
  readonly code: Code;
}

/** "\0asm", and version 1. */
const magic: Code = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** A module with a memory, called `memory`, and functions of three numbers (i32) that return nothing. */
export function moduleOf(functions: readonly WasmFunction[], memoryBytes: number): Uint8Array<ArrayBuffer> {
  const section = (id: number, content: Code): Code => [id, ...sized(content)];
  const named = (name: string, kind: number, index: number): Code => [
    ...sized([...Buffer.from(name)]),
    kind,
    ...unsigned(index),
  ];
  const { i32, v128 } = types;
  return Uint8Array.from([
    ...magic,
    ...section(1, list([[0x60, ...list([[i32], [i32], [i32]]), ...list([])]])),
    ...section(3, list(functions.map(() => [0]))),
    ...section(5, list([[0, ...unsigned(Math.ceil(memoryBytes / 65_536))]])),
    ...section(7, list([named('memory', 2, 0), ...functions.map(({ name }, index) => named(name, 0, index))])),
    ...section(
      10,
      list(
        functions.map(({ vectors, code }) =>
          sized([...list(vectors === 0 ? [] : [[...unsigned(vectors), v128]]), ...code, 0x0b]),
        ),
      ),
    ),
  ]);
}
