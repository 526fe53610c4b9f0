import koffi from 'koffi';
import { ort, receive } from './ort.ts';
import type { Pointer } from '../../native/index.ts';

/** Reads a string that a function returns in memory of the library, and frees that memory. */
export function receiveText(call: (result: BigUint64Array) => void): string {
  const { api, allocator } = ort();
  const text = receive(call);
  try {
    return koffi.decode.string(text);
  } finally {
    api.AllocatorFree(allocator, text);
  }
}

/** Reads the string at an address whose memory has another owner. */
export function readText(text: Pointer): string {
  return koffi.decode.string(text);
}

/** Reads an array of pointers in native memory. */
export function readPointers(array: Pointer, count: number): Pointer[] {
  if (count === 0) return [];
  return [...new BigUint64Array(koffi.view(array, count * 8))];
}

/** Copies native bytes. */
export function copyBytes(start: Pointer, byteLength: number): Uint8Array {
  return byteLength === 0 ? new Uint8Array(0) : new Uint8Array(koffi.view(start, byteLength)).slice();
}

/** Writes bytes to an address. The memory has another owner, and must be large enough. */
export function writeBytes(start: Pointer, bytes: Uint8Array): void {
  if (bytes.byteLength > 0) new Uint8Array(koffi.view(start, bytes.byteLength)).set(bytes);
}
