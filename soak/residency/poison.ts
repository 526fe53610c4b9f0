import type { Adapter } from '../../src/lora/index.ts';
import type { AdapterArena, AdapterFacts } from '../../src/routing/index.ts';
import type { EngineArena } from '../../src/engine/adapters/engine-arena.ts';
import type { PreparedAdapter } from '../../src/engine/adapters/prepared-adapter.ts';

/**
 * WHY finite: a row that nobody uses may lie between two that are used. Its product is then multiplied by zero, which takes everything
 * away but what is not finite.
 */
const rowPoison = 1e12;

/**
 * An arena whose weights are poisoned when they are released, so that a later use shows as logits that are no numbers. WHY their memory
 * is kept until the end: freed pages read as zeros, with which an adapter changes nothing and hides that it was used.
 */
export class PoisoningArena implements AdapterArena<PreparedAdapter>, Disposable {
  readonly #arena: EngineArena;
  readonly #keptBytes: number;
  readonly #poisoned: PreparedAdapter[] = [];
  #bytes = 0;

  /** @param keptBytes  poisoned memory that is kept; the oldest is freed beyond it */
  constructor(arena: EngineArena, keptBytes = 0) {
    this.#arena = arena;
    this.#keptBytes = keptBytes;
    const { stack } = arena;
    stack.discard = (rows) => {
      for (const { loraA, loraB, in: width, out } of stack.modules) {
        const count = rows.end - rows.start;
        loraA.float32(rows.start * width * 4, count * width).fill(rowPoison);
        loraB.float32(rows.start * out * 4, count * out).fill(rowPoison);
      }
    };
  }

  check(name: string, adapter: Adapter): AdapterFacts {
    return this.#arena.check(name, adapter);
  }

  async prepare(name: string, adapter: Adapter): Promise<PreparedAdapter> {
    const prepared = await this.#arena.prepare(name, adapter);
    let isReleased = false;
    const dispose = (): void => {
      if (isReleased) return;
      isReleased = true;
      prepared.memory.float32().fill(Number.NaN);
      this.#keep(prepared);
    };
    return { ...prepared, dispose };
  }

  forget(digest: string): void {
    this.#arena.forget(digest);
  }

  #keep(prepared: PreparedAdapter): void {
    this.#poisoned.push(prepared);
    this.#bytes += prepared.bytes;
    while (this.#bytes > this.#keptBytes) this.#freeOldest();
  }

  #freeOldest(): void {
    const oldest = this.#poisoned.shift();
    if (oldest === undefined) return;
    this.#bytes -= oldest.bytes;
    oldest.dispose();
  }

  /** Frees the poisoned memory. */
  [Symbol.dispose](): void {
    while (this.#poisoned.length > 0) this.#freeOldest();
  }
}
