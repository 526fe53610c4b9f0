/**
 * Counter-based random numbers: Philox 4x32 with 10 rounds. The n-th number of a stream depends only on (seed, stream, n). So
 * a run that is resumed or distributed over ranks draws the same numbers.
 *
 * @see Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", §3.3
 */
export interface Random {
  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** Normal with mean 0 and standard deviation 1 (Box-Muller). */
  normal(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Shuffles in place (Fisher-Yates) and returns its argument. */
  shuffle<T>(items: T[]): T[];
}

/**
 * @param seed    any safe integer
 * @param stream  a name for the use ("shuffle", "init/q_proj"), so that two uses of one seed do not draw the same numbers
 */
export function createRandom(seed: number, stream = ''): Random {
  const key0 = seed >>> 0;
  const key1 = (Math.floor(seed / 2 ** 32) ^ hashName(stream)) >>> 0;
  const block = new Uint32Array(4);
  let counter = 0;
  let used = 4;
  const next = (): number => {
    if (used === 4) {
      philox(block, counter++, key0, key1);
      used = 0;
    }
    return block[used++] ?? 0;
  };
  const uniform = (): number => next() / 2 ** 32;
  const integer = (bound: number): number => Math.floor(uniform() * bound);
  return {
    uniform,
    integer,
    normal: () => Math.sqrt(-2 * Math.log((next() + 1) / 2 ** 32)) * Math.cos(2 * Math.PI * uniform()),
    shuffle: (items) => {
      for (let i = items.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        const [a, b] = [items[i], items[j]];
        if (a !== undefined && b !== undefined) [items[i], items[j]] = [b, a];
      }
      return items;
    },
  };
}

function philox(out: Uint32Array, counter: number, key0: number, key1: number): void {
  let [c0, c1, c2, c3] = [counter >>> 0, Math.floor(counter / 2 ** 32) >>> 0, 0, 0];
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high1, low1] = multiply(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ key0) >>> 0, low1, (high0 ^ c3 ^ key1) >>> 0, low0];
    key0 = (key0 + 0x9e3779b9) >>> 0;
    key1 = (key1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The 64-bit product of two 32-bit integers, as its high and low halves. */
function multiply(a: number, b: number): [high: number, low: number] {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = a1 * b0 + Math.floor((a0 * b0) / 2 ** 16);
  const carry = (middle % 2 ** 16) + a0 * b1;
  return [(a1 * b1 + Math.floor(middle / 2 ** 16) + Math.floor(carry / 2 ** 16)) >>> 0, Math.imul(a, b) >>> 0];
}

/** FNV-1a over the UTF-16 units of the name. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
