import { crc32 } from 'node:zlib';

/** The operations of a ring, by the number in a frame. */
export const operations = ['allReduce sum', 'allReduce max', 'broadcast', 'gather', 'barrier'] as const;
export type Operation = (typeof operations)[number];

/** The types of numbers, by the number in a frame. */
export const frameTypes = ['bytes', 'float32', 'float64'] as const;
export type FrameType = (typeof frameTypes)[number];

/** What all frames of an operation say, and what must be the same on every rank. */
export interface Signature {
  /** Operations of this group before it. */
  readonly sequence: number;
  readonly operation: Operation;
  readonly type: FrameType;
  /** Bytes of the whole operation. */
  readonly total: number;
}

export interface Frame extends Signature {
  /** The number of the frame among those that this rank sends in the operation. */
  readonly index: number;
  /** Bytes of the payload. */
  readonly length: number;
  /** That of `RingKernels`, of the payload, where it is checked. */
  readonly checksum: number;
}

/** "ERF2" */
const magic = 0x32465245;
export const headerBytes = 36;

/**
 * The bytes before a payload: magic u32, sequence u32, operation u8, type u8, 2 zeros, total f64, index u32, length u32, checksum of the
 * payload u32, CRC-32 of the 32 bytes so far u32; all little-endian.
 * @param checksum  of the payload; 0 where the transport answers for its bytes itself
 */
export function encodeHeader(frame: Omit<Frame, 'length' | 'checksum'>, payload: Uint8Array, checksum: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(magic, 0);
  header.writeUInt32LE(frame.sequence >>> 0, 4);
  header.writeUInt8(operations.indexOf(frame.operation), 8);
  header.writeUInt8(frameTypes.indexOf(frame.type), 9);
  header.writeDoubleLE(frame.total, 12);
  header.writeUInt32LE(frame.index, 20);
  header.writeUInt32LE(payload.byteLength, 24);
  header.writeUInt32LE(checksum, 28);
  header.writeUInt32LE(crc32(header.subarray(0, 32)), 32);
  return header;
}

/** @returns what is wrong with it, as a text, if it is no header */
export function decodeHeader(header: Buffer): Frame | string {
  if (header.readUInt32LE(0) !== magic) return 'it does not begin as a frame does';
  if (header.readUInt32LE(32) !== crc32(header.subarray(0, 32))) return 'the checksum of a header is wrong';
  const operation = operations[header.readUInt8(8)];
  const type = frameTypes[header.readUInt8(9)];
  if (operation === undefined || type === undefined) return 'a header names an unknown operation';
  return {
    sequence: header.readUInt32LE(4),
    operation,
    type,
    total: header.readDoubleLE(12),
    index: header.readUInt32LE(20),
    length: header.readUInt32LE(24),
    checksum: header.readUInt32LE(28),
  };
}

/** @returns whether both are of one operation */
export function isSameOperation(a: Signature, b: Signature): boolean {
  return a.sequence === b.sequence && a.operation === b.operation && a.type === b.type && a.total === b.total;
}

/** How errors name an operation. */
export function describeOperation({ sequence, operation, type, total }: Signature): string {
  return `operation ${sequence}, ${operation} of ${total} bytes of ${type}`;
}
