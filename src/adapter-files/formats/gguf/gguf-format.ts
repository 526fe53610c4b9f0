import { EspalierError } from '../../../core/index.ts';
import type { AdapterFile } from '../../source/adapter-source.ts';
import {
  parseGguf as parseFile,
  readGgufHeader as readHeader,
  type GgufContent,
  type TensorData,
} from '../../../tensor/index.ts';

/** A GGUF file whose tensors are plain floats, as in all adapters. */
export interface GgufFloats extends Pick<GgufContent, 'metadata' | 'end'> {
  /** Views of the file, each with the bytes before it. */
  readonly tensors: ReadonlyMap<string, TensorData & { readonly offset: number }>;
}

/** Reads a GGUF file. @throws EspalierError GGUF_MALFORMED; GGUF_UNSUPPORTED for quantized tensors and other versions */
export function parseGguf(bytes: Uint8Array, path: string): GgufFloats {
  return withBytes(parseFile(bytes, path), bytes, path);
}

/**
 * Like `parseGguf`, but reads only the header of the file. The tensors have types and shapes, but no bytes.
 *
 * @throws EspalierError the errors of `parseGguf`
 */
export async function readGgufHeader(file: AdapterFile): Promise<GgufFloats> {
  return withBytes(await readHeader(file), new Uint8Array(), file.path);
}

function withBytes({ metadata, end, tensors }: GgufContent, bytes: Uint8Array, path: string): GgufFloats {
  const floats = new Map<string, TensorData & { readonly offset: number }>();
  for (const [name, { type, shape, offset, length }] of tensors) {
    if (type !== 'float32' && type !== 'float16' && type !== 'float64' && type !== 'bfloat16') {
      const reason = `tensor ${name} has the element type ${type}, no plain float`;
      throw new EspalierError('GGUF_UNSUPPORTED', { path, reason });
    }
    floats.set(name, { dtype: type, shape, offset, bytes: bytes.subarray(offset, offset + length) });
  }
  return { metadata, end, tensors: floats };
}
