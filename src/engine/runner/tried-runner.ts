import type { DecodeRow, ModelRunner, PrefillChunk } from './model-runner.ts';
import type { DecodeAbilities } from './try-decode.ts';

/** What is asked of the runner underneath. */
export type WholeRunner = Pick<
  ModelRunner,
  'prefill' | 'prefillReported' | 'decode' | 'decodeSlots' | 'moveSlot' | 'dispose'
>;

export interface TriedOptions {
  readonly slots: number;
  readonly vocabulary: number;
  readonly abilities: DecodeAbilities;
}

/**
 * A `ModelRunner` whose graph takes less than a whole batch at once: it asks the graph for as much as the graph is known to get right,
 * and puts the answers together. The results are those of each sequence alone.
 */
export class TriedRunner {
  readonly #runner: WholeRunner;
  readonly #abilities: DecodeAbilities;
  readonly #logits: readonly Float32Array[];

  /** Takes ownership of the runner. */
  constructor(runner: WholeRunner, { slots, vocabulary, abilities }: TriedOptions) {
    this.#runner = runner;
    this.#abilities = abilities;
    this.#logits = Array.from({ length: slots }, () => new Float32Array(vocabulary));
  }

  /** @returns f32 [vocabulary], the logits after the chunk's last token; valid until the next prefill */
  async prefill(chunk: PrefillChunk, signal?: AbortSignal): Promise<Float32Array> {
    if (this.#abilities.takesChunks) return this.#runner.prefill(chunk, signal);
    for (let start = chunk.start; start < chunk.end - 1; start++) {
      await this.#runner.prefill({ ...chunk, start, end: start + 1 }, signal);
    }
    return this.#runner.prefill({ ...chunk, start: chunk.end - 1 }, signal);
  }

  /** @returns f32 [vocabulary] after each of the chunk's tokens; valid until the next such prefill */
  async prefillReported(chunk: PrefillChunk, signal?: AbortSignal): Promise<readonly Float32Array[]> {
    if (this.#abilities.takesChunks) return this.#runner.prefillReported(chunk, signal);
    const rows: Float32Array[] = [];
    for (let start = chunk.start; start < chunk.end; start++) {
      rows.push(Float32Array.from(await this.#runner.prefill({ ...chunk, start, end: start + 1 }, signal)));
    }
    return rows;
  }

  /**
   * Takes one token of each sequence in; row i is the sequence in slot i.
   * @returns f32 [vocabulary] for each row; valid until the next decode step
   */
  async decode(batch: readonly DecodeRow[], signal?: AbortSignal): Promise<readonly Float32Array[]> {
    if (this.#abilities.rows === 'any') return this.#runner.decode(batch, signal);
    for (let slot = 0, end = 0; slot < batch.length; slot = end) {
      end = this.#endOfGroup(batch, slot);
      const logits = await this.#runner.decodeSlots({ batch: batch.slice(slot, end), slot }, signal);
      for (let row = slot; row < end; row++) this.#logits[row]?.set(logits[row - slot] ?? []);
    }
    return this.#logits;
  }

  /** Neighbours of one length, where the graph takes those together. */
  #endOfGroup(batch: readonly DecodeRow[], first: number): number {
    if (this.#abilities.rows === 'alone') return first + 1;
    const end = batch.findIndex(({ length }, slot) => slot > first && length !== batch[first]?.length);
    return end < 0 ? batch.length : end;
  }

  moveSlot(move: { readonly from: number; readonly to: number; readonly length: number }): Promise<void> {
    return this.#runner.moveSlot(move);
  }

  /** Must not be called during a run. */
  dispose(): void {
    this.#runner.dispose();
  }
}
