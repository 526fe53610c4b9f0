import type { Item } from '../items.ts';
import { createHistory, type History, releaseHistory } from './history.ts';
import { sizeOf } from './size-of.ts';

/** What is kept of a response. */
export interface KeptResponse {
  /** As it was sent. */
  readonly response: { readonly id: string };
  /** What the client sent with the request, without what came before. */
  readonly input: readonly Item[];
  readonly output: readonly Item[];
}

interface Entry {
  readonly kept: KeptResponse;
  readonly history: History;
  /** Of the response itself. Those of its items are counted with the history. */
  readonly bytes: number;
  usedAt: number;
}

/** The responses of one owner. */
export class Shelf {
  /** By id, those used longest ago first. */
  readonly #entries = new Map<string, Entry>();
  /** The response to which an item belongs, by the id of the item. */
  readonly #responseOfItem = new Map<string, string>();
  #bytes = 0;

  get count(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @param previousId  the response that this one goes on from; one that is not kept any longer is none */
  put(kept: KeptResponse, previousId: string | undefined, now: number): void {
    const before = previousId === undefined ? undefined : this.#entries.get(previousId)?.history;
    const history = createHistory([...kept.input, ...kept.output], before);
    const entry = { kept, history, bytes: sizeOf(kept.response), usedAt: now };
    this.#bytes += entry.bytes + history.bytes;
    this.#entries.set(kept.response.id, entry);
    for (const { id } of [...kept.input, ...kept.output]) {
      // WHY: what a request sends again belongs to the response that had it first.
      if (!this.#responseOfItem.has(id)) this.#responseOfItem.set(id, kept.response.id);
    }
  }

  /** Finds a response, which counts as its use. */
  use(id: string, now: number): Pick<Entry, 'kept' | 'history'> | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    entry.usedAt = now;
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    return entry;
  }

  /** Finds an item, which counts as the use of its response. */
  useItem(itemId: string, now: number): Item | undefined {
    const responseId = this.#responseOfItem.get(itemId);
    const kept = responseId === undefined ? undefined : this.use(responseId, now)?.kept;
    return kept && [...kept.input, ...kept.output].find(({ id }) => id === itemId);
  }

  drop(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#entries.delete(id);
    this.#bytes -= entry.bytes + releaseHistory(entry.history);
    for (const item of [...entry.kept.input, ...entry.kept.output]) {
      if (this.#responseOfItem.get(item.id) === id) this.#responseOfItem.delete(item.id);
    }
    return true;
  }

  /** Drops the response that was used longest ago. */
  dropOldest(): void {
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.drop(oldest);
  }

  /** Drops what was used for the last time before a time. */
  dropBefore(time: number): void {
    for (const [id, { usedAt }] of this.#entries) {
      if (usedAt >= time) return;
      this.drop(id);
    }
  }
}
