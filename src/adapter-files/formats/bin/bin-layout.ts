/**
 * The layout of a .bin adapter (docs/formats/bin-adapter.md). The sizes determine every offset, so that an adapter has exactly one
 * file, and a file exactly one adapter.
 */
export const magic = Uint8Array.of(0x89, 0x45, 0x53, 0x50, 0x4c, 0x4f, 0x52, 0x41); // \x89ESPLORA
export const binVersion = 1;
/** Has this value only if the bytes are read in the order of the format, little-endian. */
export const byteOrderMark = 0x01020304;
export const headerBytes = 128;
export const entryBytes = 64;
export const alignment = 64;
export const checksumAt = 64;
export const checksumBytes = 32;
export const maxNameBytes = 1024;
export const maxConfigBytes = 1_000_000;
export const isRslora = 1;
/** The key of the configuration that holds the fingerprint of the base. PEFT has no such key. */
export const fingerprintField = 'espalier_base_fingerprint';
/** The kinds of modules, by their numbers in the table. */
export const kinds = ['linear', 'embedding'] as const;

/** The sizes that determine a file's layout. */
export interface BinSizes {
  readonly targets: number;
  readonly nameBytes: number;
  readonly configBytes: number;
}

/** A matrix product's pair: A f32 [rank, in], B f32 [out, rank]. */
export interface BinMatrices {
  readonly rank: number;
  readonly in: number;
  readonly out: number;
}

export function namesAt({ targets }: BinSizes): number {
  return headerBytes + targets * entryBytes;
}

export function configAt(sizes: BinSizes): number {
  return namesAt(sizes) + sizes.nameBytes;
}

export function dataAt(sizes: BinSizes): number {
  return aligned(configAt(sizes) + sizes.configBytes);
}

/** The next multiple of 64. */
export function aligned(offset: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

/** Offsets of each A and B, and the file's length: it ends with the last number. */
export function placeMatrices(
  sizes: BinSizes,
  matrices: readonly BinMatrices[],
): { readonly places: readonly { readonly a: number; readonly b: number }[]; readonly length: number } {
  let end = dataAt(sizes);
  const place = (count: number): number => {
    const start = aligned(end);
    end = start + 4 * count;
    return start;
  };
  const places = matrices.map(({ rank, in: width, out }) => ({ a: place(rank * width), b: place(out * rank) }));
  return { places, length: end };
}
