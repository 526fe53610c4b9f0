import { breathe, LeastRecentlyUsed } from '../../core/index.ts';
import { encodeModel, followLinks } from '../../ir/index.ts';
import { injectStackedLora } from '../../lora/index.ts';
import { buildScoringGraph } from '../../models/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { OrtTensor, type IoBinding, type Session } from '../../runtime/index.ts';
import type { AdapterStack } from '../adapters/adapter-stack.ts';
import { fillMask, windowOf, type AppliedAdapter } from '../adapters/adapter-window.ts';
import { bindStack } from '../adapters/bind-stack.ts';
import type { DecodeRow, PrefillChunk, RunnerOptions } from './model-runner.ts';
import type { RankRows } from '../adapters/rank-rows.ts';

/** A binding for each window of adapters that was lately used. */
const keptBindings = 16;

/** One row to run: the first `length` tokens of a slot. */
interface Row {
  readonly slot: number;
  readonly length: number;
  readonly adapters: readonly AppliedAdapter[];
  /** The first token whose logits are wanted; the last one's alone by default. */
  readonly first?: number;
}

/**
 * Runs a base that keeps no keys and values: each token of an answer runs its whole row anew through the scoring graph. The results
 * are exact, and each token costs what a prompt of its row's length costs. Rows run one after another, each with its own adapters.
 *
 * Its face is that of `ModelRunner`: a slot holds the tokens of a sequence, where there it holds their keys and values.
 */
export class RecomputeRunner {
  readonly #session: Session;
  readonly #stack: AdapterStack | undefined;
  readonly #tokens: readonly Int32Array[];
  readonly #logits: readonly Float32Array[];
  readonly #memory: Record<'ids' | 'rows' | 'mask' | 'logits', NativeMemory>;
  /** Logits of several rows: made when they are first asked for, since their memory is large. */
  #reported: { readonly memory: NativeMemory; readonly logits: readonly Float32Array[] } | undefined;
  readonly #reportedChunk: number;
  readonly #bindings = new LeastRecentlyUsed<IoBinding>(keptBindings, (binding) => binding.dispose());

  static async open(options: RunnerOptions): Promise<RecomputeRunner> {
    const { base, environment, maxLength, stack } = options;
    const model = buildScoringGraph(base, { maxLength });
    if (stack) {
      const paths = stack.modules.map(({ path }) => path);
      injectStackedLora(model, paths, { gains: stack.hasGains });
    }
    const folder = await followLinks(model, base.dir);
    // WHY no pattern: each length of a row would keep a plan of its own.
    const settings = { externalDataFolder: folder, memoryPattern: false };
    return new RecomputeRunner(await environment.createSession(encodeModel(model), settings), options);
  }

  private constructor(session: Session, options: RunnerOptions) {
    const { base, slots, maxLength, stack, rankRows, reportedChunk } = options;
    const { vocabSize } = base.config;
    this.#reportedChunk = reportedChunk;
    this.#session = session;
    this.#stack = stack;
    this.#tokens = Array.from({ length: slots }, () => new Int32Array(maxLength));
    this.#logits = Array.from({ length: slots }, () => new Float32Array(vocabSize));
    this.#memory = {
      ids: NativeMemory.allocate(maxLength * 8),
      rows: NativeMemory.allocate(reportedChunk * 8),
      mask: NativeMemory.allocate((stack === undefined ? 1 : rankRows) * 4),
      logits: NativeMemory.allocate(vocabSize * 4),
    };
  }

  /** @returns f32 [vocabulary], the logits after a prompt's last token; chunks before it only leave their tokens */
  async prefill({ slot, tokens, start, end, adapters }: PrefillChunk, signal?: AbortSignal): Promise<Float32Array> {
    const own = this.#slot(slot).tokens;
    for (let place = start; place < end; place++) own[place] = tokens[place] ?? 0;
    if (end === tokens.length) await this.#run({ slot, length: end, adapters }, signal);
    return this.#slot(slot).logits;
  }

  /** @returns f32 [vocabulary] after each of the chunk's tokens; valid until the next such prefill */
  async prefillReported(chunk: PrefillChunk, signal?: AbortSignal): Promise<readonly Float32Array[]> {
    const { slot, tokens, start, end, adapters } = chunk;
    const own = this.#slot(slot);
    for (let place = start; place < end; place++) own.tokens[place] = tokens[place] ?? 0;
    const { logits } = this.#reportedMemory();
    await this.#run({ slot, length: end, adapters, first: start }, signal);
    return logits;
  }

  /**
   * Takes one token of each sequence in; row i is the sequence in slot i.
   * @returns f32 [vocabulary] for each row; valid until the next decode step
   */
  async decode(batch: readonly DecodeRow[], signal?: AbortSignal): Promise<readonly Float32Array[]> {
    for (const [slot, { lastToken, length, adapters }] of batch.entries()) {
      this.#slot(slot).tokens[length] = lastToken;
      await this.#run({ slot, length: length + 1, adapters }, signal);
      await breathe();
    }
    return this.#logits;
  }

  /** Copies a sequence's first `length` tokens to another slot. Not during a run. */
  moveSlot(move: { readonly from: number; readonly to: number; readonly length: number }): Promise<void> {
    this.#slot(move.to).tokens.set(this.#slot(move.from).tokens.subarray(0, move.length));
    return Promise.resolve();
  }

  async #run({ slot, length, adapters, first }: Row, signal: AbortSignal | undefined): Promise<void> {
    const { ids, rows, mask, logits } = this.#memory;
    const from = first ?? length - 1;
    const own = this.#slot(slot);
    const low = ids.int32();
    for (let place = 0; place < length; place++) low[2 * place] = own.tokens[place] ?? 0;
    for (let place = from; place < length; place++) rows.int32()[2 * (place - from)] = place;
    const window = windowOf([adapters]);
    fillMask(mask.float32(), window, [adapters]);
    const binding = await (first === undefined ? this.#bindingFor(window) : this.#bindingFor(window, length - first));
    using tensor = OrtTensor.over(ids, 'int64', [1, length]);
    binding.bindInput('input_ids', tensor);
    await this.#session.run(binding, signal === undefined ? {} : { signal });
    if (first === undefined) own.logits.set(logits.float32());
  }

  #slot(slot: number): { readonly tokens: Int32Array; readonly logits: Float32Array } {
    const [tokens, logits] = [this.#tokens[slot], this.#logits[slot]];
    if (tokens === undefined || logits === undefined) throw new RangeError(`there is no slot ${slot}`);
    return { tokens, logits };
  }

  #reportedMemory(): { readonly memory: NativeMemory; readonly logits: readonly Float32Array[] } {
    if (this.#reported) return this.#reported;
    const vocabulary = this.#memory.logits.byteLength / 4;
    const memory = NativeMemory.allocate(this.#reportedChunk * vocabulary * 4);
    const logits = Array.from({ length: this.#reportedChunk }, (_, row) =>
      memory.float32(row * vocabulary * 4, vocabulary),
    );
    this.#reported = { memory, logits };
    return this.#reported;
  }

  /** @param reported  rows of logits, into the memory for several; the last token's alone by default */
  async #bindingFor(window: RankRows, reported?: number): Promise<IoBinding> {
    const key = `${window.start} ${window.end} ${reported}`;
    const kept = this.#bindings.get(key);
    if (kept) return kept;
    const binding = this.#session.createBinding();
    try {
      const { rows, mask, logits } = this.#memory;
      const memory = reported === undefined ? logits : this.#reportedMemory().memory;
      using places = OrtTensor.over(rows, 'int64', [reported ?? 1]);
      using result = OrtTensor.over(memory, 'float32', [reported ?? 1, logits.byteLength / 4]);
      binding.bindInput('rows', places);
      binding.bindOutput('logits', result);
      if (this.#stack) {
        using share = OrtTensor.over(mask, 'float32', [1, window.end - window.start]);
        binding.bindInput('lora_mask', share);
        await bindStack(binding, this.#stack.modules, window);
      }
    } catch (error) {
      binding.dispose();
      throw error;
    }
    this.#bindings.set(key, binding);
    return binding;
  }

  /** Must not be called during a run. */
  dispose(): void {
    this.#bindings.clear();
    this.#session.dispose();
    for (const memory of Object.values(this.#memory)) memory.dispose();
    this.#reported?.memory.dispose();
  }
}
