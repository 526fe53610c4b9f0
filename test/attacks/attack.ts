import type { ErrorCode } from '../../src/core/index.ts';

/** One malformed or odd thing, how it is made, and what it must be refused with. */
export interface Attack {
  readonly name: string;
  readonly code: ErrorCode;
  /** Makes it in a folder that holds a sound one. */
  make(dir: string): void | Promise<void>;
}

/** How long looking at a hostile thing may take in time of the processor, and how much the process may grow meanwhile. */
export const limits = { ms: 1000, bytes: 64 * 2 ** 20 };

/** The bytes of a safetensors file with any header, true or not. */
export function safetensorsFile(header: string | object, data: Uint8Array | number = 0, announced?: bigint): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(announced ?? BigInt(text.length));
  return Buffer.concat([length, text, typeof data === 'number' ? Buffer.alloc(data) : data]);
}

/** Fields of a protobuf message, by hand: what no encoder would write. */
export const proto = {
  varint(field: number, value: bigint | number): Buffer {
    return Buffer.concat([varint(BigInt(field) << 3n), varint(BigInt(value))]);
  },
  bytes(field: number, ...content: (Uint8Array | string)[]): Buffer {
    const whole = Buffer.concat(content.map((part) => Buffer.from(part)));
    return Buffer.concat([varint((BigInt(field) << 3n) | 2n), varint(BigInt(whole.length)), whole]);
  },
};

export function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}
