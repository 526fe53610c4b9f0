import { NativeMemory } from '../../native/index.ts';
import { FreeList } from './free-list.ts';
import { aligned } from './plan-buffers.ts';
import type { MemoryBlock } from './memory-block.ts';

interface Arena {
  readonly memory: NativeMemory;
  readonly slices: FreeList;
}

/** WHY a mebibyte: the runs of small models then share one arena, and untouched pages cost nothing. */
const smallestArena = 2 ** 20;

/**
 * Arenas that any number of models share. A run takes a slice of exactly its size and frees it afterwards, so that other models can use
 * it. If no arena has room, a new one is allocated, twice as large as all others together but at most 64 MiB, and always as large as
 * the run needs. An empty arena is freed, unless it is the largest.
 */
export class SharedArenas {
  /** The largest first. */
  readonly #arenas: Arena[] = [];
  #disposed = false;

  get reservedBytes(): number {
    return this.#arenas.reduce((sum, { slices }) => sum + slices.bytes, 0);
  }

  get usedBytes(): number {
    return this.#arenas.reduce((sum, { slices }) => sum + slices.used, 0);
  }

  acquire(bytes: number): MemoryBlock {
    for (const arena of this.#arenas) {
      const offset = arena.slices.take(bytes);
      if (offset !== undefined) return this.#blockOf(arena, offset);
    }
    const arena = this.#grow(bytes);
    return this.#blockOf(arena, arena.slices.take(bytes) ?? 0);
  }

  /** Arenas with slices in use are freed when the slices are. */
  dispose(): void {
    this.#disposed = true;
    this.#trim();
  }

  #grow(bytes: number): Arena {
    const size = Math.max(smallestArena, aligned(bytes), Math.min(2 * this.reservedBytes, 64 * smallestArena));
    const arena = { memory: NativeMemory.allocate(size), slices: new FreeList(size) };
    this.#arenas.push(arena);
    this.#arenas.sort((a, b) => b.slices.bytes - a.slices.bytes);
    return arena;
  }

  #blockOf(arena: Arena, byteOffset: number): MemoryBlock {
    let isReleased = false;
    const release = (): void => {
      if (isReleased) return;
      isReleased = true;
      arena.slices.give(byteOffset);
      if (arena.slices.isEmpty) this.#trim();
    };
    return { memory: arena.memory, byteOffset, isSteady: false, release };
  }

  #trim(): void {
    for (let place = this.#arenas.length - 1; place >= (this.#disposed ? 0 : 1); place--) {
      const arena = this.#arenas[place];
      if (arena === undefined || !arena.slices.isEmpty) continue;
      this.#arenas.splice(place, 1);
      arena.memory.dispose();
    }
  }
}
