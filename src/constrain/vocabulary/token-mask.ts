/** The tokens that may come next, in the form that is the shortest. Special tokens are among them only where the form names them. */
export type TokenMask =
  | { readonly kind: 'allowed'; readonly tokens: Int32Array; readonly count: number }
  | { readonly kind: 'forbidden'; readonly tokens: Int32Array; readonly count: number }
  | { readonly kind: 'bits'; readonly words: Uint32Array; readonly count: number };

/** Collects the tokens that are allowed, one bit each. */
export class TokenBits {
  readonly words: Uint32Array;
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
    this.words = new Uint32Array(Math.ceil(size / 32));
  }

  add(token: number): void {
    const word = token >>> 5;
    this.words[word] = (this.words[word] ?? 0) | (1 << (token & 31));
  }

  has(token: number): boolean {
    return (((this.words[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;
  }

  toMask(): TokenMask {
    const count = this.#count();
    const few = this.#size / 32;
    if (count <= few) return { kind: 'allowed', tokens: this.#tokens(count, true), count };
    const left = this.#size - count;
    if (left <= few) return { kind: 'forbidden', tokens: this.#tokens(left, false), count };
    return { kind: 'bits', words: this.words.slice(), count };
  }

  #count(): number {
    let count = 0;
    for (const word of this.words) count += ones(word);
    return count;
  }

  #tokens(count: number, isAllowed: boolean): Int32Array {
    const tokens = new Int32Array(count);
    let at = 0;
    for (let token = 0; token < this.#size && at < count; token++)
      if (this.has(token) === isAllowed) tokens[at++] = token;
    return tokens;
  }
}

/** Number of bits that are set in 32. */
function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Sets the logits of all tokens that are not allowed to −∞. @param logits  f32, at least as many as the vocabulary has tokens */
export function applyMask(mask: TokenMask, logits: Float32Array, size: number): void {
  if (mask.kind === 'allowed') {
    const kept = Float32Array.from(mask.tokens, (token) => logits[token] ?? 0);
    logits.fill(-Infinity);
    for (let at = 0; at < kept.length; at++) logits[mask.tokens[at] ?? 0] = kept[at] ?? 0;
    return;
  }
  if (logits.length > size) logits.fill(-Infinity, size);
  if (mask.kind === 'forbidden') {
    for (let at = 0; at < mask.tokens.length; at++) logits[mask.tokens[at] ?? 0] = -Infinity;
    return;
  }
  const { words } = mask;
  const last = Math.min(size, logits.length);
  for (let start = 0; start < last; start += 32) {
    const word = words[start >>> 5] ?? 0;
    if (word === 0xffffffff) continue;
    const end = Math.min(last, start + 32);
    for (let token = start; token < end; token++) if (((word >>> (token & 31)) & 1) === 0) logits[token] = -Infinity;
  }
}
