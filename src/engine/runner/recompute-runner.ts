import { breathe, LeastRecentlyUsed } from '../../core/index.ts';
import { openGraph, type OpenGraph } from '../../execution/index.ts';
import { buildScoringGraph } from '../../models/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { OrtTensor, type IoBinding, type Session } from '../../onnxruntime/index.ts';
import type { AdapterStack } from '../adapters/adapter-stack.ts';
import { fillMask, windowOf, type AppliedAdapter } from '../adapters/adapter-window.ts';
import { bindStack } from '../adapters/bind-stack.ts';
import { stackPasses } from '../adapters/stack-passes.ts';
import type { RunnerOptions } from './cached-runner.ts';
import type { SlotContents, SlotCopy, SlotStore } from './slot-store.ts';
import type { DecodeStep, PrefillStep, Step, StepOutput, StepRunner } from './step-runner.ts';
import type { RankRows } from '../adapters/rank-rows.ts';

/** Number of kept bindings, one for each recently used window of adapters. */
const keptBindings = 16;

/** A row to run: the first `length` tokens of a slot. */
interface Row {
  readonly slot: number;
  readonly length: number;
  readonly adapters: readonly AppliedAdapter[];
  /** The first token whose logits are wanted; the last one's alone by default. */
  readonly first?: number;
}

/**
 * Runs a base without keys and values: for each token of an answer it runs the whole row through the scoring graph. The results are
 * exact. A token costs as much as a prompt of the row's length. Rows run one after the other, each with its own adapters.
 *
 * A slot holds the tokens of a sequence. (In `CachedRunner` it holds their keys and values.)
 */
export class RecomputeRunner implements StepRunner {
  readonly slots: SlotStore;
  #step: Step | undefined;
  readonly #session: Session;
  readonly #stack: AdapterStack | undefined;
  readonly #tokens: readonly Int32Array[];
  readonly #logits: readonly Float32Array[];
  readonly #memory: Record<'ids' | 'rows' | 'mask' | 'logits', NativeMemory>;
  /** Logits of several rows. Allocated when they are first needed, because they are large. */
  #reported: { readonly memory: NativeMemory; readonly logits: readonly Float32Array[] } | undefined;
  readonly #reportedChunk: number;
  readonly #bindings = new LeastRecentlyUsed<IoBinding>(keptBindings, (binding) => binding.dispose());

  static async open(options: RunnerOptions): Promise<RecomputeRunner> {
    const { base, environment, maxLength, stack } = options;
    const model = buildScoringGraph(base, { maxLength });
    const session = { varyingShapes: true, spins: true };
    const graph = await openGraph(model, { passes: stackPasses(stack), environment, baseDir: base.dir, session });
    return new RecomputeRunner(graph, options);
  }

  private constructor({ session }: OpenGraph, options: RunnerOptions) {
    const { base, slots, maxLength, stack, reportedChunk } = options;
    const { vocabSize } = base.config;
    this.#reportedChunk = reportedChunk;
    this.#session = session;
    this.#stack = stack;
    this.#tokens = Array.from({ length: slots }, () => new Int32Array(maxLength));
    this.slots = new TokenSlots(this.#tokens);
    this.#logits = Array.from({ length: slots }, () => new Float32Array(vocabSize));
    this.#memory = {
      ids: NativeMemory.allocate(maxLength * 8),
      rows: NativeMemory.allocate(reportedChunk * 8),
      mask: NativeMemory.allocate((stack?.rows ?? 1) * 4),
      logits: NativeMemory.allocate(vocabSize * 4),
    };
  }

  prepare(step: Step): Promise<void> {
    this.#step = step;
    return Promise.resolve();
  }

  async run(signal?: AbortSignal): Promise<StepOutput> {
    const step = this.#step;
    if (step === undefined) throw new RangeError('No step was prepared');
    return { rows: await (step.kind === 'decode' ? this.#decode(step, signal) : this.#prefill(step, signal)) };
  }

  /** Chunks before the last one of a prompt only store their tokens. */
  async #prefill(step: PrefillStep, signal: AbortSignal | undefined): Promise<readonly Float32Array[]> {
    const { slot, tokens, start, end, adapters, logits: wanted } = step;
    const own = this.#slot(slot);
    for (let place = start; place < end; place++) own.tokens[place] = tokens[place] ?? 0;
    if (wanted === 'every') {
      const { logits } = this.#reportedMemory();
      await this.#run({ slot, length: end, adapters, first: start }, signal);
      return logits;
    }
    if (end === tokens.length) await this.#run({ slot, length: end, adapters }, signal);
    return [own.logits];
  }

  async #decode({ rows, slot: first }: DecodeStep, signal: AbortSignal | undefined): Promise<readonly Float32Array[]> {
    for (const [row, { lastToken, length, adapters }] of rows.entries()) {
      const slot = first + row;
      this.#slot(slot).tokens[length] = lastToken;
      await this.#run({ slot, length: length + 1, adapters }, signal);
      await breathe();
    }
    return first === 0 ? this.#logits : this.#logits.slice(first);
  }

  async #run({ slot, length, adapters, first }: Row, signal: AbortSignal | undefined): Promise<void> {
    const { ids, rows, mask, logits } = this.#memory;
    const from = first ?? length - 1;
    const own = this.#slot(slot);
    const low = ids.int32();
    for (let place = 0; place < length; place++) low[2 * place] = own.tokens[place] ?? 0;
    for (let place = from; place < length; place++) rows.int32()[2 * (place - from)] = place;
    const window = windowOf([adapters], this.#stack?.unit);
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

  /** @param reported number of rows of logits, in the memory for several rows; by default only those of the last token */
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
        await bindStack(binding, this.#stack, window);
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

/** A slot store that holds tokens. */
class TokenSlots implements SlotStore {
  readonly #tokens: readonly Int32Array[];

  constructor(tokens: readonly Int32Array[]) {
    this.#tokens = tokens;
  }

  copy({ from, to, length }: SlotCopy): Promise<void> {
    this.#tokens[to]?.set(this.#tokens[from]?.subarray(0, length) ?? []);
    return Promise.resolve();
  }

  export(slot: number, length: number): Promise<SlotContents> {
    const tokens = this.#tokens[slot]?.slice(0, length) ?? new Int32Array();
    return Promise.resolve({ length, parts: [new Uint8Array(tokens.buffer)] });
  }

  async import(slot: number, { length, parts }: SlotContents): Promise<void> {
    const [own, [part]] = [this.#tokens[slot], parts];
    if (parts.length !== 1 || part?.byteLength !== length * 4 || own === undefined || length > own.length) {
      throw new RangeError(`${parts.length} parts of ${length} positions are not tokens of a slot`);
    }
    own.set(new Int32Array(part.slice().buffer));
  }
}
