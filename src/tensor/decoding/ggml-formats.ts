import { float16ToNumber } from '../half.ts';

/**
 * A format of llama.cpp in which blocks of elements share numbers:
 *
 *   w[i] = scale[⌊i / share⌋] · q[i] − min[⌊i / share⌋]
 *
 * @see ggml-common.h and ggml-quants.c (dequantize_row_*) of llama.cpp
 */
export interface GgmlFormat {
  /** The number of elements of a block. */
  readonly elements: number;
  /** The size of a block in the file. */
  readonly bytes: number;
  /** The number of elements with one scale. */
  readonly share: number;
  readonly hasMins: boolean;
  /** Reads the scales (and mins) of the block that begins at `at`. */
  readonly factors: (block: DataView, at: number, scales: Float32Array, mins: Float32Array) => void;
  /** Reads q of the block. */
  readonly codes: (block: DataView, at: number, q: Int16Array) => void;
}

const half = (block: DataView, at: number): number => float16ToNumber(block.getUint16(at, true));

/** One scale behind which two halves of a block lie in the lower and the upper halves of 16 bytes. */
function nibbles(block: DataView, at: number, q: Int16Array): void {
  for (let i = 0; i < 16; i++) {
    const byte = block.getUint8(at + i);
    q[i] = byte & 15;
    q[i + 16] = byte >> 4;
  }
}

/** The fifth bits of 32 elements. */
function withFifthBits(block: DataView, at: number, q: Int16Array): void {
  const bits = block.getUint32(at, true);
  for (let i = 0; i < 32; i++) q[i] = (q[i] ?? 0) | (((bits >>> i) & 1) << 4);
}

function minus(q: Int16Array, middle: number): void {
  for (let i = 0; i < q.length; i++) q[i] = (q[i] ?? 0) - middle;
}

const oneScale: GgmlFormat['factors'] = (block, at, scales) => {
  scales[0] = half(block, at);
};
const scaleAndSum: GgmlFormat['factors'] = (block, at, scales, mins) => {
  scales[0] = half(block, at);
  mins[0] = -half(block, at + 2);
};
const legacy = { elements: 32, share: 32 } as const;

const q4_0: GgmlFormat = {
  ...legacy,
  bytes: 18,
  hasMins: false,
  factors: oneScale,
  codes(block, at, q) {
    nibbles(block, at + 2, q);
    minus(q, 8);
  },
};

const q4_1: GgmlFormat = {
  ...legacy,
  bytes: 20,
  hasMins: true,
  factors: scaleAndSum,
  codes: (block, at, q) => nibbles(block, at + 4, q),
};

const q5_0: GgmlFormat = {
  ...legacy,
  bytes: 22,
  hasMins: false,
  factors: oneScale,
  codes(block, at, q) {
    nibbles(block, at + 6, q);
    withFifthBits(block, at + 2, q);
    minus(q, 16);
  },
};

const q5_1: GgmlFormat = {
  ...legacy,
  bytes: 24,
  hasMins: true,
  factors: scaleAndSum,
  codes(block, at, q) {
    nibbles(block, at + 8, q);
    withFifthBits(block, at + 4, q);
  },
};

const q8_0: GgmlFormat = {
  ...legacy,
  bytes: 34,
  hasMins: false,
  factors: oneScale,
  codes(block, at, q) {
    for (let i = 0; i < 32; i++) q[i] = block.getInt8(at + 2 + i);
  },
};

/** The two bits of 128 elements at a time: 32 bytes hold four runs of 32. */
function twoBits(block: DataView, at: number, q: Int16Array): void {
  for (let i = 0; i < 256; i++) {
    const byte = block.getUint8(at + 32 * (i >> 7) + (i & 31));
    q[i] = (byte >> (2 * ((i >> 5) & 3))) & 3;
  }
}

const q2_k: GgmlFormat = {
  elements: 256,
  bytes: 84,
  share: 16,
  hasMins: true,
  factors(block, at, scales, mins) {
    const [scale, min] = [half(block, at + 80), half(block, at + 82)];
    for (let i = 0; i < 16; i++) {
      const byte = block.getUint8(at + i);
      scales[i] = scale * (byte & 15);
      mins[i] = min * (byte >> 4);
    }
  },
  codes: (block, at, q) => twoBits(block, at + 16, q),
};

const q3_k: GgmlFormat = {
  elements: 256,
  bytes: 110,
  share: 16,
  hasMins: false,
  factors(block, at, scales) {
    const scale = half(block, at + 108);
    for (let i = 0; i < 16; i++) {
      const low = (block.getUint8(at + 96 + (i & 7)) >> (i < 8 ? 0 : 4)) & 15;
      const high = (block.getUint8(at + 104 + (i & 3)) >> (2 * (i >> 2))) & 3;
      scales[i] = scale * ((low | (high << 4)) - 32);
    }
  },
  codes(block, at, q) {
    twoBits(block, at + 32, q);
    for (let i = 0; i < 256; i++) {
      const isSet = (block.getUint8(at + (i & 31)) >> (i >> 5)) & 1;
      if (isSet === 0) q[i] = (q[i] ?? 0) - 4;
    }
  },
};

/** Scales and mins of 6 bits of eight runs, in 12 bytes. */
const sixBits: GgmlFormat['factors'] = (block, at, scales, mins) => {
  const [scale, min] = [half(block, at), half(block, at + 2)];
  const byte = (i: number): number => block.getUint8(at + 4 + i);
  for (let i = 0; i < 4; i++) {
    const [a, b, rest] = [byte(i), byte(i + 4), byte(i + 8)];
    scales[i] = scale * (a & 63);
    mins[i] = min * (b & 63);
    scales[i + 4] = scale * ((rest & 15) | ((a >> 2) & 48));
    mins[i + 4] = min * ((rest >> 4) | ((b >> 2) & 48));
  }
};

/** Runs of 64 elements in 32 bytes each, in the lower halves and then in the upper ones. */
function longNibbles(block: DataView, at: number, q: Int16Array): void {
  for (let i = 0; i < 256; i++) {
    const byte = block.getUint8(at + 32 * (i >> 6) + (i & 31));
    q[i] = (byte >> ((i & 32) === 0 ? 0 : 4)) & 15;
  }
}

const q4_k: GgmlFormat = {
  elements: 256,
  bytes: 144,
  share: 32,
  hasMins: true,
  factors: sixBits,
  codes: (block, at, q) => longNibbles(block, at + 16, q),
};

const q5_k: GgmlFormat = {
  elements: 256,
  bytes: 176,
  share: 32,
  hasMins: true,
  factors: sixBits,
  codes(block, at, q) {
    longNibbles(block, at + 48, q);
    for (let i = 0; i < 256; i++) {
      const bit = (block.getUint8(at + 16 + (i & 31)) >> (i >> 5)) & 1;
      q[i] = (q[i] ?? 0) | (bit << 4);
    }
  },
};

const q6_k: GgmlFormat = {
  elements: 256,
  bytes: 210,
  share: 16,
  hasMins: false,
  factors(block, at, scales) {
    const scale = half(block, at + 208);
    for (let i = 0; i < 16; i++) scales[i] = scale * block.getInt8(at + 192 + i);
  },
  codes(block, at, q) {
    for (let i = 0; i < 256; i++) {
      const low = (block.getUint8(at + 64 * (i >> 7) + (i & 63)) >> ((i & 64) === 0 ? 0 : 4)) & 15;
      const high = (block.getUint8(at + 128 + 32 * (i >> 7) + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3;
      q[i] = (low | (high << 4)) - 32;
    }
  },
};

/** The numbers of the 16 codes of IQ4. */
const unevenNumbers = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] as const;

function uneven(q: Int16Array, from: number, count: number): void {
  for (let i = from; i < from + count; i++) q[i] = unevenNumbers[q[i] ?? 0] ?? 0;
}

const iq4_nl: GgmlFormat = {
  ...legacy,
  bytes: 18,
  hasMins: false,
  factors: oneScale,
  codes(block, at, q) {
    nibbles(block, at + 2, q);
    uneven(q, 0, 32);
  },
};

const iq4_xs: GgmlFormat = {
  elements: 256,
  bytes: 136,
  share: 32,
  hasMins: false,
  factors(block, at, scales) {
    const [scale, upper] = [half(block, at), block.getUint16(at + 2, true)];
    for (let i = 0; i < 8; i++) {
      const low = (block.getUint8(at + 4 + (i >> 1)) >> (i % 2 === 0 ? 0 : 4)) & 15;
      scales[i] = scale * ((low | (((upper >> (2 * i)) & 3) << 4)) - 32);
    }
  },
  codes(block, at, q) {
    for (let run = 0; run < 8; run++) nibbles(block, at + 8 + 16 * run, q.subarray(32 * run, 32 * run + 32));
    uneven(q, 0, 256);
  },
};

/** By llama.cpp's names of the types. */
export const ggmlFormats = {
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q5_0: q5_0,
  Q5_1: q5_1,
  Q8_0: q8_0,
  Q2_K: q2_k,
  Q3_K: q3_k,
  Q4_K: q4_k,
  Q5_K: q5_k,
  Q6_K: q6_k,
  IQ4_NL: iq4_nl,
  IQ4_XS: iq4_xs,
} as const satisfies Record<string, GgmlFormat>;

export type GgmlFormatName = keyof typeof ggmlFormats;
