import { openBitsAndBytes4, openBitsAndBytes8, type BitsAndBytes4, type BitsAndBytes8 } from './bits-and-bytes.ts';
import { openGgml, type Ggml } from './ggml.ts';
import type { BytePlace, ReadPlace, UnitDecoder } from './unit-decoder.ts';

/** How the elements of a tensor follow from bytes of a file that no operator of the runtime can read. */
export type Decoding = BitsAndBytes4 | BitsAndBytes8 | Ggml;

/** A tensor that is decoded. Its own place is that of the bytes from which its elements follow. */
export interface DecodedTensor extends BytePlace {
  readonly decoding: Decoding;
}

/** The size of a decoded piece. Decoding it takes a few milliseconds. */
const pieceBytes = 1 << 20;

/** The places that a decoding reads besides that of the tensor. */
export function placesOf({ decoding }: { readonly decoding?: Decoding }): readonly BytePlace[] {
  return decoding === undefined ? [] : Object.values<BytePlace>({ ...decoding.places });
}

/** The decoding with other places, such as those behind links. */
export function withPlaces(decoding: Decoding, change: (place: BytePlace) => BytePlace): Decoding {
  const places = Object.fromEntries(Object.entries(decoding.places).map(([name, place]) => [name, change(place)]));
  return { ...decoding, places } as Decoding;
}

async function openDecoder(tensor: DecodedTensor, read: ReadPlace): Promise<UnitDecoder> {
  const { decoding } = tensor;
  switch (decoding.form) {
    case 'bitsandbytes4':
      return openBitsAndBytes4(tensor, decoding, read);
    case 'bitsandbytes8':
      return openBitsAndBytes8(tensor, decoding, read);
    case 'ggml':
      return openGgml(tensor, decoding, read);
    default:
      return decoding satisfies never;
  }
}

export interface DecodedRange {
  /** Of the decoded bytes. Default: all. */
  readonly start?: number;
  readonly length?: number;
}

/**
 * Decodes a range of a tensor, piece by piece.
 *
 * @param read  must throw if a file is too short
 */
export async function* decodedPieces(
  tensor: DecodedTensor,
  read: ReadPlace,
  { start = 0, length }: DecodedRange = {},
): AsyncGenerator<Uint8Array> {
  const decoder = await openDecoder(tensor, read);
  const { unitBytes, byteLength } = decoder;
  const end = Math.min(byteLength, start + (length ?? byteLength));
  const step = Math.max(1, Math.floor(pieceBytes / unitBytes));
  for (let unit = Math.floor(start / unitBytes); unit * unitBytes < end; unit += step) {
    const count = Math.min(step, Math.ceil(end / unitBytes) - unit);
    const bytes = await decoder.decode(unit, count);
    const from = unit * unitBytes;
    yield bytes.subarray(Math.max(0, start - from), Math.min(bytes.length, end - from));
  }
}

/** Decodes a range of a tensor as a whole. */
export async function decodeTensor(
  tensor: DecodedTensor,
  read: ReadPlace,
  range: DecodedRange = {},
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of decodedPieces(tensor, read, range)) pieces.push(piece);
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
