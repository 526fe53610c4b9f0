import { crc32 } from 'node:zlib';
import { Pace } from '../../core/index.ts';
import { NativeMemory } from '../../native/index.ts';
import type { PositionStore } from '../runner/slot-store.ts';
import { PrefixIndex, type PrefixBlock, type PrefixRow } from './prefix-index.ts';

/** Tokens of a block. A prompt is found up to the last whole block that it shares. */
export const defaultBlockTokens = 16;

export interface PrefixCacheSizes {
  /** The most that blocks may take. */
  readonly bytes: number;
  readonly blockTokens: number;
}

/** WHY in segments: a view of native memory ends at 4 GiB, and memory that is not needed is not asked for. */
const segmentBytes = 2 ** 26;

/** Counts since the engine was opened, and what is held now. */
export interface PrefixStats {
  /** Prompt tokens that were not run, because their keys and values were here. */
  readonly hitTokens: number;
  /** Prompt tokens that were looked up. */
  readonly askedTokens: number;
  /** Blocks whose contents were not those that were stored. They are dropped, and their tokens are run. */
  readonly damaged: number;
  readonly blocks: number;
  /** Bytes of the blocks that are held. */
  readonly bytes: number;
}

/** The keys and values of the first tokens of a row, found in the cache. Valid until the next `store`. */
export interface FoundPrefix {
  readonly blocks: readonly PrefixBlock[];
  /** In tokens. */
  readonly length: number;
}

/**
 * Keys and values of prompts that have run, for later rows that begin with the same tokens. They are copied from the slot of a row
 * when it has run, and into the slot of a later one before it runs. Each block is checked against its checksum before it is used, so
 * that damaged memory is never served.
 */
export class PrefixCache {
  /** Tokens of a block. */
  readonly blockTokens: number;
  readonly #positions: PositionStore;
  readonly #blockBytes: number;
  readonly #index: PrefixIndex;
  /** Number of blocks in a segment. */
  readonly #perSegment: number;
  readonly #segments: NativeMemory[] = [];
  readonly #counts = { hitTokens: 0, askedTokens: 0, damaged: 0 };

  constructor(positions: PositionStore, { bytes, blockTokens }: PrefixCacheSizes) {
    this.blockTokens = blockTokens;
    this.#positions = positions;
    this.#blockBytes = positions.bytesPerPosition * blockTokens;
    const capacity = Math.floor(bytes / this.#blockBytes);
    this.#index = new PrefixIndex({ capacity, blockTokens });
    this.#perSegment = Math.max(1, Math.min(capacity, Math.floor(segmentBytes / this.#blockBytes)));
  }

  /** Finds the longest beginning of a row that is here and intact. */
  async find(row: PrefixRow): Promise<FoundPrefix> {
    const found = this.#index.find(row);
    const pace = new Pace();
    let intact = 0;
    for (const block of found) {
      if (checksumOf(block, this.bytesOf(block)) !== block.checksum) break;
      intact++;
      const turn = pace.step();
      if (turn) await turn;
    }
    const damaged = found[intact];
    if (damaged !== undefined) {
      this.#index.drop(damaged);
      this.#counts.damaged++;
    }
    this.#counts.askedTokens += row.count * this.blockTokens;
    return { blocks: found.slice(0, intact), length: intact * this.blockTokens };
  }

  /** Copies a prefix into the beginning of a slot. If it fails, the contents of the slot are undefined. */
  async load({ blocks, length }: FoundPrefix, slot: number): Promise<void> {
    const pace = new Pace();
    const count = this.blockTokens;
    for (const [i, block] of blocks.entries()) {
      this.#positions.write({ slot, start: i * count, count }, this.bytesOf(block));
      const turn = pace.step();
      if (turn) await turn;
    }
    this.#counts.hitTokens += length;
  }

  /** Stores the beginning of a row whose keys and values are in a slot, as far as it is not here and room can be made. */
  async store(row: PrefixRow, slot: number): Promise<void> {
    const blocks = this.#index.find(row);
    const pace = new Pace();
    const count = this.blockTokens;
    while (blocks.length < row.count) {
      const block = this.#index.add(row, blocks);
      if (block === undefined) break;
      const bytes = this.bytesOf(block);
      this.#positions.read({ slot, start: blocks.length * count, count }, bytes);
      block.checksum = checksumOf(block, bytes);
      blocks.push(block);
      const turn = pace.step();
      if (turn) await turn;
    }
    this.#index.touch(blocks);
  }

  stats(): PrefixStats {
    const blocks = this.#index.size;
    return { ...this.#counts, blocks, bytes: blocks * this.#blockBytes };
  }

  /** The memory of a block. @internal */
  bytesOf({ place }: PrefixBlock): Uint8Array {
    const segment = Math.floor(place / this.#perSegment);
    const memory = (this.#segments[segment] ??= NativeMemory.allocate(this.#perSegment * this.#blockBytes));
    return memory.bytes((place % this.#perSegment) * this.#blockBytes, this.#blockBytes);
  }

  dispose(): void {
    for (const segment of this.#segments.splice(0)) segment.dispose();
  }
}

/** WHY with the key: a block that another one has overwritten is damaged too. */
function checksumOf({ key }: PrefixBlock, bytes: Uint8Array): number {
  return crc32(bytes, crc32(key));
}
