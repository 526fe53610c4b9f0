import koffi from 'koffi';
import { ort, receive } from './ort.ts';
import type { Pointer } from '../../native/index.ts';

/** The text that a function gives in the library's own memory, which is freed. */
export function receiveText(call: (result: BigUint64Array) => void): string {
  const { api, allocator } = ort();
  const text = receive(call);
  try {
    return koffi.decode.string(text);
  } finally {
    api.AllocatorFree(allocator, text);
  }
}

/** The text at an address that somebody else owns. */
export function readText(text: Pointer): string {
  return koffi.decode.string(text);
}

/** The pointers of an array in native memory. */
export function readPointers(array: Pointer, count: number): Pointer[] {
  if (count === 0) return [];
  return [...new BigUint64Array(koffi.view(array, count * 8))];
}

/** A copy of native bytes. */
export function copyBytes(start: Pointer, byteLength: number): Uint8Array {
  return byteLength === 0 ? new Uint8Array(0) : new Uint8Array(koffi.view(start, byteLength)).slice();
}

/** Writes bytes to an address that somebody else owns, and that has room for them. */
export function writeBytes(start: Pointer, bytes: Uint8Array): void {
  if (bytes.byteLength > 0) new Uint8Array(koffi.view(start, bytes.byteLength)).set(bytes);
}
