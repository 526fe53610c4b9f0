import { NativeMemory } from '../../native/index.ts';
import { FreeList } from './free-list.ts';
import { aligned } from './plan-buffers.ts';
import type { MemoryBlock } from './memory-block.ts';

interface Arena {
  readonly memory: NativeMemory;
  readonly slices: FreeList;
}

/** WHY a mebibyte: the runs of small models then share one arena, and a page that is never touched costs nothing. */
const smallestArena = 2 ** 20;

/**
 * Arenas that any number of models share. A run takes a slice of just its size and gives it back; what one model leaves, the next
 * one takes. Where no arena has room, one more comes, twice as large as all before it; an arena that is empty is given back, the
 * largest excepted.
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

  /** Takes effect for slices that are in use when they are given back. */
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
