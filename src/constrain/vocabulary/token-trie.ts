import type { Steps } from '../../core/index.ts';

/**
 * The bytes of tokens as a tree, in which tokens with the same beginning share it. Its nodes lie in one row, each before those below it, so
 * that a walk goes from left to right and leaps over what it need not see.
 */
export interface TokenTrie {
  /** For each node the byte that leads to it. */
  readonly byte: Uint8Array;
  /** For each node how many bytes lead to it, less one. */
  readonly depth: Uint16Array;
  /** For each node the first node that is not below it. */
  readonly after: Int32Array;
  /** For each node where its tokens begin in `tokens`; they end where those of the next node begin. */
  readonly firstToken: Int32Array;
  readonly tokens: Int32Array;
  /** Longest token, in bytes. */
  readonly longest: number;
}

/** Builds the tree of tokens. @param bytesOf  not empty */
export function* buildTrie(ids: readonly number[], bytesOf: (id: number) => Uint8Array): Steps<TokenTrie> {
  const tree = new GrowingTree();
  for (const [index, id] of ids.entries()) {
    tree.add(id, bytesOf(id));
    if (index % 256 === 0) yield;
  }
  return yield* tree.flatten(ids.length);
}

/** Lists of children, in typed arrays that grow. Node 0 is the root. */
class GrowingTree {
  #byte = new Uint8Array(1024);
  #child = new Int32Array(1024);
  #sibling = new Int32Array(1024);
  /** The last token of each node plus one, and for each token the one before it at the same node. */
  #token = new Int32Array(1024);
  readonly #before = new Map<number, number>();
  #count = 1;
  #longest = 0;

  add(id: number, bytes: Uint8Array): void {
    let node = 0;
    for (let at = 0; at < bytes.length; at++) node = this.#childOf(node, bytes[at] ?? 0);
    const last = this.#token[node] ?? 0;
    if (last !== 0) this.#before.set(id, last - 1);
    this.#token[node] = id + 1;
    this.#longest = Math.max(this.#longest, bytes.length);
  }

  *flatten(tokenCount: number): Steps<TokenTrie> {
    const count = this.#count - 1;
    const trie = {
      byte: new Uint8Array(count),
      depth: new Uint16Array(count),
      after: new Int32Array(count),
      firstToken: new Int32Array(count + 1),
      tokens: new Int32Array(tokenCount),
      longest: this.#longest,
    };
    const path: number[] = [];
    let [placed, tokens, node] = [0, 0, this.#child[0] ?? 0];
    while (node !== 0 || path.length > 0) {
      if (node === 0) {
        const done = path.pop() ?? 0;
        trie.after[done] = placed;
        node = this.#sibling[this.#placeOf(done)] ?? 0;
        continue;
      }
      trie.byte[placed] = this.#byte[node] ?? 0;
      trie.depth[placed] = path.length;
      trie.firstToken[placed] = tokens;
      for (let id = (this.#token[node] ?? 0) - 1; id >= 0; id = this.#before.get(id) ?? -1) trie.tokens[tokens++] = id;
      this.#placed[placed] = node;
      path.push(placed++);
      node = this.#child[node] ?? 0;
      if (placed % 2048 === 0) yield;
    }
    trie.firstToken[count] = tokens;
    return trie;
  }

  /** The node of each place in the row. */
  readonly #placed: number[] = [];

  #placeOf(place: number): number {
    return this.#placed[place] ?? 0;
  }

  #childOf(node: number, byte: number): number {
    for (let child = this.#child[node] ?? 0; child !== 0; child = this.#sibling[child] ?? 0) {
      if (this.#byte[child] === byte) return child;
    }
    const child = this.#count++;
    if (child >= this.#byte.length) this.#grow();
    this.#byte[child] = byte;
    this.#sibling[child] = this.#child[node] ?? 0;
    this.#child[node] = child;
    return child;
  }

  #grow(): void {
    const size = 2 * this.#byte.length;
    const longer = <A extends Uint8Array | Int32Array>(old: A, grown: A): A => (grown.set(old), grown);
    this.#byte = longer(this.#byte, new Uint8Array(size));
    this.#child = longer(this.#child, new Int32Array(size));
    this.#sibling = longer(this.#sibling, new Int32Array(size));
    this.#token = longer(this.#token, new Int32Array(size));
  }
}
