import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { breathe, EspalierError } from '../core/index.ts';
import { decodedPieces, elementSize, toFloat32, type BytePlace, type DecodedTensor } from '../tensor/index.ts';
import type { BaseModel } from './base-model.ts';
import { hasNonFinite, type CheckedFloat } from './non-finite.ts';
import type { WeightRef } from './weight-ref.ts';

/** Bytes of one read. It is large enough for the disk, and scanning it takes well under a millisecond. */
const pieceBytes = 1 << 20;

/**
 * Reads every weight once and refuses the checkpoint when one is NaN or infinite. It does not block the event loop, and it holds one
 * piece of a file in memory at a time.
 *
 * @throws EspalierError MODEL_WEIGHTS_NOT_FINITE naming the weight, its file and the element; MODEL_WEIGHTS_MISMATCH when the file
 *   became shorter since it was opened
 */
export async function verifyWeights(
  base: BaseModel,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  // In most quantized weights only the scales are floats. Any byte is a valid integer.
  const refs = [...base.weights.values()].flatMap((ref) => {
    if (ref.quantized?.kind === 'decoded') return ref.quantized.floats;
    if (ref.quantized?.kind === 'mxfp4') return [];
    if (ref.quantized?.kind === 'float8') return [ref, ref.quantized.scales];
    return ref.quantized?.scales ?? ref;
  });
  for (const location of new Set(refs.map((ref) => ref.location))) {
    const path = join(base.dir, location);
    const file = await open(path);
    try {
      for (const ref of refs.filter((each) => each.location === location))
        await verifyWeight(ref, { base, path, file, signal });
    } finally {
      await file.close();
    }
  }
}

interface Place {
  readonly base: BaseModel;
  readonly path: string;
  readonly file: FileHandle;
  readonly signal: AbortSignal | undefined;
}

async function verifyWeight(ref: WeightRef, { base, path, file, signal }: Place): Promise<void> {
  if (ref.decoding !== undefined)
    return verifyDecoded({ ...ref, decoding: ref.decoding }, { base, path, file, signal });
  const dtype = floatType(ref);
  const piece = new Uint8Array(Math.min(pieceBytes, Math.ceil(ref.length / 4) * 4));
  for (let done = 0; done < ref.length; done += pieceBytes) {
    signal?.throwIfAborted();
    const length = Math.min(pieceBytes, ref.length - done);
    await readFully(file, { piece, length, position: ref.offset + done }, () => {
      const problems = `${ref.location} ends within ${ref.name}`;
      return new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir: base.dir, problems });
    });
    piece.fill(0, length); // a half-width weight of odd length leaves half a word
    if (hasNonFinite(new Uint32Array(piece.buffer, 0, Math.ceil(length / 4)), dtype)) {
      const values = toFloat32({ dtype, shape: [length / elementSize(dtype)], bytes: piece.subarray(0, length) });
      const at = values.findIndex((value) => !Number.isFinite(value));
      const index = done / elementSize(dtype) + at;
      throw new EspalierError('MODEL_WEIGHTS_NOT_FINITE', { name: ref.name, path, value: String(values[at]), index });
    }
    await breathe();
  }
}

/** Checks the numbers that a weight of GGUF is decoded to, all of which follow from the bytes at its own place. */
async function verifyDecoded(ref: WeightRef & DecodedTensor, { base, path, file, signal }: Place): Promise<void> {
  const read = async ({ offset, length }: BytePlace): Promise<Uint8Array> => {
    const piece = new Uint8Array(length);
    await readFully(file, { piece, length, position: offset }, () => {
      const problems = `${ref.location} ends within ${ref.name}`;
      return new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir: base.dir, problems });
    });
    return piece;
  };
  let start = 0;
  for await (const piece of decodedPieces(ref, read)) {
    signal?.throwIfAborted();
    const values = new Float32Array(piece.buffer, piece.byteOffset, piece.byteLength / 4);
    if (hasNonFinite(new Uint32Array(values.buffer, values.byteOffset, values.length), 'float32')) {
      const at = values.findIndex((value) => !Number.isFinite(value));
      throw new EspalierError('MODEL_WEIGHTS_NOT_FINITE', {
        name: ref.name,
        path,
        value: String(values[at]),
        index: start + at,
      });
    }
    start += values.length;
    await breathe();
  }
}

function floatType({ dtype, name }: WeightRef): CheckedFloat {
  if (dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16' || dtype === 'float8e4m3fn') return dtype;
  throw new TypeError(`${name} is ${dtype}: openBaseModel lets no such weight pass`);
}

interface Span {
  readonly piece: Uint8Array;
  readonly length: number;
  readonly position: number;
}

async function readFully(file: FileHandle, { piece, length, position }: Span, ended: () => Error): Promise<void> {
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(piece, done, length - done, position + done);
    if (bytesRead === 0) throw ended();
    done += bytesRead;
  }
}
