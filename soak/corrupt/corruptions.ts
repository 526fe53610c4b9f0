import { createRandom } from '../../src/core/index.ts';

export type CorruptionKind = 'header bit' | 'payload bit' | 'config bit' | 'cut in header' | 'cut in payload';

/** An adapter's file, changed in one way. */
export interface Corruption {
  readonly kind: CorruptionKind;
  readonly file: 'adapter_model.safetensors' | 'adapter_config.json';
  readonly bytes: Uint8Array;
}

export interface Corruptible {
  readonly weights: Uint8Array;
  readonly config: Uint8Array;
}

export interface CorruptionAmounts {
  /** Bits of the numbers, drawn by chance. */
  readonly payloadBits: number;
  /** Lengths at which the numbers are cut off, drawn by chance. */
  readonly payloadCuts: number;
  /** The share of all bits and lengths of the header and the configuration. 1: every one. */
  readonly share: number;
}

/**
 * Changes of one bit, and cuts: of every bit of the header (its length and its text) and of the configuration, and at every length of the
 * header, or of a share of them.
 */
export function* corruptionsOf(
  { weights, config }: Corruptible,
  { payloadBits, payloadCuts, share }: CorruptionAmounts,
  seed: number,
): Generator<Corruption> {
  const random = createRandom(seed, 'corruptions');
  const header = headerEnd(weights);
  const payload = weights.length - header;
  const isChosen = (): boolean => share >= 1 || random.uniform() < share;
  const numbers = 'adapter_model.safetensors';
  for (let bit = 0; bit < header * 8; bit++) {
    if (isChosen()) yield { kind: 'header bit', file: numbers, bytes: flipped(weights, bit) };
  }
  for (let bit = 0; bit < config.length * 8; bit++) {
    if (isChosen()) yield { kind: 'config bit', file: 'adapter_config.json', bytes: flipped(config, bit) };
  }
  for (let length = 0; length < header; length++) {
    if (isChosen()) yield { kind: 'cut in header', file: numbers, bytes: weights.subarray(0, length) };
  }
  for (let i = 0; i < payloadBits; i++) {
    const bit = header * 8 + random.integer(payload * 8);
    yield { kind: 'payload bit', file: numbers, bytes: flipped(weights, bit) };
  }
  for (let i = 0; i < payloadCuts; i++) {
    yield { kind: 'cut in payload', file: numbers, bytes: weights.subarray(0, header + random.integer(payload)) };
  }
}

/** The end of a safetensors header: 8 bytes of length, and the text. */
export function headerEnd(weights: Uint8Array): number {
  return 8 + Number(new DataView(weights.buffer, weights.byteOffset).getBigUint64(0, true));
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
