/** Random choices that the seed fixes: fast, and no more than that. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) | 0;
  }

  /** 0 up to, and without, `limit`. @see Steele & Vigna, mulberry32 */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let word = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** Sizes and offsets at which readers stumble. */
const edges: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  4n,
  7n,
  8n,
  63n,
  64n,
  65n,
  127n,
  128n,
  255n,
  256n,
  0x7fffn,
  0xffffn,
  0x10000n,
  1_000_000_000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

export function edge(dice: Dice): bigint {
  return dice.pick(edges);
}

type Mutation = (bytes: Buffer, dice: Dice, other: Uint8Array) => Buffer;

const at = (bytes: Buffer, dice: Dice, width = 1): number => dice.below(Math.max(1, bytes.length - width + 1));

const mutations: readonly Mutation[] = [
  (bytes, dice) => {
    const place = at(bytes, dice);
    if (place < bytes.length) bytes[place] = (bytes[place] ?? 0) ^ (1 << dice.below(8));
    return bytes;
  },
  (bytes, dice) => {
    if (bytes.length > 0)
      bytes[at(bytes, dice)] = dice.pick([0, 1, 0x22, 0x2c, 0x7b, 0x7d, 0x7f, 0x80, 0xff, dice.below(256)]);
    return bytes;
  },
  (bytes, dice) => {
    if (bytes.length >= 4) bytes.writeUInt32LE(Number(BigInt.asUintN(32, edge(dice))), at(bytes, dice, 4));
    return bytes;
  },
  (bytes, dice) => {
    const place = at(bytes, dice, 4) & ~3;
    if (bytes.length >= place + 4) bytes.writeInt32LE(dice.below(256) - 128, place);
    return bytes;
  },
  (bytes, dice) => {
    if (bytes.length >= 8) bytes.writeBigUInt64LE(edge(dice), at(bytes, dice, 8));
    return bytes;
  },
  (bytes, dice) => bytes.subarray(0, dice.below(bytes.length + 1)),
  (bytes, dice) => {
    const start = at(bytes, dice);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + 1 + dice.below(16))]);
  },
  (bytes, dice) => {
    const start = at(bytes, dice);
    return Buffer.concat([bytes.subarray(0, start), dice.bytes(1 + dice.below(16)), bytes.subarray(start)]);
  },
  (bytes, dice) => {
    const [start, length] = [at(bytes, dice), 1 + dice.below(64)];
    return Buffer.concat([bytes.subarray(0, start + length), bytes.subarray(start)]);
  },
  (bytes, dice) => {
    const [from, to] = [at(bytes, dice), at(bytes, dice)];
    bytes.copy(bytes, to, from, from + 1 + dice.below(32));
    return bytes;
  },
  (bytes, dice, other) =>
    Buffer.concat([bytes.subarray(0, at(bytes, dice)), other.subarray(dice.below(other.length + 1))]),
];

/** A copy of `seed` with one to four things done to it; `other` is what may be spliced in. */
export function mutate(seed: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
  let bytes = Buffer.from(seed);
  for (let i = 1 + dice.below(4); i > 0; i--) bytes = Buffer.from(dice.pick(mutations)(bytes, dice, other));
  return bytes;
}
