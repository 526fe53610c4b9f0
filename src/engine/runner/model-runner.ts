import { LeastRecentlyUsed, Pace } from '../../core/index.ts';
import { encodeModel, followLinks } from '../../ir/index.ts';
import { injectStackedLora } from '../../lora/index.ts';
import { buildDecodeGraph, type BaseModel } from '../../models/index.ts';
import type { Environment, IoBinding, Session } from '../../runtime/index.ts';
import type { AdapterStack } from '../adapters/adapter-stack.ts';
import { fillMask, windowOf, type AppliedAdapter } from '../adapters/adapter-window.ts';
import { bindStack } from '../adapters/bind-stack.ts';
import { KvCache } from './kv-cache.ts';
import type { RankRows } from '../adapters/rank-rows.ts';
import { StepBuffers, type StepLimits, type StepShape } from './step-buffers.ts';

export interface RunnerOptions {
  readonly base: BaseModel;
  readonly environment: Environment;
  readonly slots: number;
  readonly maxLength: number;
  /** Most tokens that a prefill may have. */
  readonly prefillChunk: number;
  /** Most tokens of a prefill with the logits after each of them. */
  readonly reportedChunk: number;
  /** The adapters, or undefined for the base alone. The runner does not own them. */
  readonly stack: AdapterStack | undefined;
  /** Rank rows of the stack. */
  readonly rankRows: number;
}

/** A running sequence, as a decode step needs it; its slot is its place in the batch. */
export interface DecodeRow {
  /** The token that the step takes in. */
  readonly lastToken: number;
  /** Tokens before it, whose keys and values are in the cache. */
  readonly length: number;
  /** Must stay the same array while nothing in it changes. */
  readonly adapters: readonly AppliedAdapter[];
}

/** Sequences in neighbouring slots, from `slot` on. */
export interface SlotRows {
  readonly batch: readonly DecodeRow[];
  readonly slot: number;
}

export interface PrefillChunk {
  readonly slot: number;
  /** The whole prompt. */
  readonly tokens: ArrayLike<number>;
  readonly start: number;
  readonly end: number;
  readonly adapters: readonly AppliedAdapter[];
}

/**
 * Bindings that are kept. A binding costs a few milliseconds to make (some hundred tensors), and a step repeats the one
 * before it until a sequence comes or goes.
 */
const keptBindings = 64;

/** What is bound for the rows of a step: slots [slot, slot + batch), and the window of rank rows. */
interface Placement extends StepShape {
  readonly slot: number;
  readonly rows: RankRows;
}

/**
 * Runs the decode graph: one sequence's prefill, or one token for every running sequence. It knows slots and rank rows,
 * and nothing of requests. One call at a time; a steady decode step binds and allocates nothing.
 */
export class ModelRunner {
  readonly #session: Session;
  readonly #stack: AdapterStack | undefined;
  readonly #inputs: ReadonlySet<string>;
  readonly #kv: KvCache;
  readonly #decode: StepBuffers;
  readonly #prefill: StepBuffers;
  /** For prefills with the logits after each token: made when the first one comes, since their memory is large. */
  #reported: StepBuffers | undefined;
  readonly #reportedLimits: StepLimits;
  readonly #bindings = new LeastRecentlyUsed<IoBinding>(keptBindings, (binding) => binding.dispose());
  /** The adapters of the last decode step, by row, its first slot, and the binding that fits them. */
  readonly #bound: (readonly AppliedAdapter[])[] = [];
  #boundSlot = 0;
  #boundBinding: IoBinding | undefined;

  static async open(options: RunnerOptions): Promise<ModelRunner> {
    const { base, environment, maxLength, stack } = options;
    const model = buildDecodeGraph(base, { maxLength });
    if (stack)
      injectStackedLora(
        model,
        stack.modules.map(({ path }) => path),
        { gains: stack.hasGains },
      );
    const externalDataFolder = await followLinks(model, base.dir);
    const session = await environment.createSession(encodeModel(model), { externalDataFolder });
    return new ModelRunner(session, options);
  }

  private constructor(session: Session, options: RunnerOptions) {
    const { base, slots, maxLength, prefillChunk, reportedChunk: logitRows, stack, rankRows } = options;
    const { layers, kvHeads, vocabSize: vocabulary } = base.config;
    const headDim = base.config.cachedHeadDim ?? base.config.headDim;
    this.#session = session;
    this.#stack = stack;
    this.#inputs = new Set(session.inputs.map(({ name }) => name));
    this.#kv = new KvCache({ layers, slots, kvHeads, maxLength, headDim });
    const window = stack === undefined ? 1 : rankRows;
    this.#decode = new StepBuffers({ batch: slots, seq: 1, window, vocabulary });
    this.#prefill = new StepBuffers({ batch: 1, seq: prefillChunk, window, vocabulary });
    this.#reportedLimits = { batch: 1, seq: logitRows, window, vocabulary, logitRows };
  }

  /**
   * Runs the tokens [start, end) of a prompt in a slot; those before `start` must have run there.
   * @returns f32 [vocabulary], the logits after the last of them; valid until the next prefill
   */
  async prefill(chunk: PrefillChunk, signal?: AbortSignal): Promise<Float32Array> {
    const [logits = new Float32Array()] = await this.#runPrefill(this.#prefill, chunk, signal);
    return logits;
  }

  /**
   * As `prefill`, of at most `reportedChunk` tokens.
   * @returns f32 [vocabulary] after each of the tokens (and beyond them rows that mean nothing); valid until the next such prefill
   */
  prefillReported(chunk: PrefillChunk, signal?: AbortSignal): Promise<readonly Float32Array[]> {
    this.#reported ??= new StepBuffers(this.#reportedLimits);
    return this.#runPrefill(this.#reported, chunk, signal);
  }

  async #runPrefill(
    buffers: StepBuffers,
    chunk: PrefillChunk,
    signal: AbortSignal | undefined,
  ): Promise<readonly Float32Array[]> {
    const { slot, tokens, start, end, adapters } = chunk;
    const seq = end - start;
    for (let place = 0; place < seq; place++) buffers.setToken(place, tokens[start + place] ?? 0, start + place);
    buffers.setRow(0, end, seq - 1);
    const logitRows = buffers === this.#reported ? seq : 1;
    if (logitRows > 1) buffers.setEveryLogit(logitRows);
    buffers.setWholeLength(0, tokens.length);
    buffers.setTotal(end);
    const rows = windowOf([adapters]);
    fillMask(buffers.mask, rows, [adapters]);
    const binding = await this.#bindingFor(buffers, this.#placement({ slot, batch: 1, seq, rows, logitRows }));
    await this.#session.run(binding, signal === undefined ? {} : { signal });
    return buffers.logits;
  }

  /**
   * Takes one token of each sequence in; row i is the sequence in slot i.
   * @returns f32 [vocabulary] for each row (and beyond them rows that mean nothing); valid until the next decode step
   */
  decode(batch: readonly DecodeRow[], signal?: AbortSignal): Promise<readonly Float32Array[]> {
    return this.decodeSlots({ batch, slot: 0 }, signal);
  }

  /** The same of neighbours: row i is the sequence in slot `slot + i`. */
  async decodeSlots({ batch, slot }: SlotRows, signal?: AbortSignal): Promise<readonly Float32Array[]> {
    const buffers = this.#decode;
    let longest = 0;
    for (let row = 0; row < batch.length; row++) {
      const sequence = batch[row];
      if (sequence === undefined) continue;
      const length = sequence.length + 1;
      buffers.setToken(row, sequence.lastToken, sequence.length);
      buffers.setRow(row, length, row);
      longest = Math.max(longest, length);
    }
    buffers.setTotal(longest);
    const binding = this.#boundTo({ batch, slot }) ?? (await this.#rebind({ batch, slot }));
    await this.#session.run(binding, signal === undefined ? {} : { signal });
    return buffers.logits;
  }

  /** Copies a sequence's first `length` keys and values to another slot. Not during a run. */
  async moveSlot(move: { readonly from: number; readonly to: number; readonly length: number }): Promise<void> {
    await this.#kv.copy(move);
  }

  /** The binding of the step before, if the rows of the batch still have the same adapters. */
  #boundTo({ batch, slot }: SlotRows): IoBinding | undefined {
    if (slot !== this.#boundSlot || batch.length !== this.#bound.length) return undefined;
    for (let row = 0; row < batch.length; row++) if (batch[row]?.adapters !== this.#bound[row]) return undefined;
    return this.#boundBinding;
  }

  async #rebind({ batch, slot }: SlotRows): Promise<IoBinding> {
    const adapters = batch.map((row) => row.adapters);
    const rows = windowOf(adapters);
    this.#boundBinding = undefined;
    this.#bound.splice(0, this.#bound.length, ...adapters);
    this.#boundSlot = slot;
    const placement = this.#placement({ slot, batch: batch.length, seq: 1, rows });
    const binding = await this.#bindingFor(this.#decode, placement);
    fillMask(this.#decode.mask, rows, adapters);
    this.#boundBinding = binding;
    return binding;
  }

  #placement(place: Omit<Placement, 'window'>): Placement {
    return { ...place, window: this.#stack === undefined ? undefined : place.rows.end - place.rows.start };
  }

  async #bindingFor(buffers: StepBuffers, place: Placement): Promise<IoBinding> {
    const { slot, batch, seq, rows } = place;
    const kind = buffers === this.#decode ? 'decode' : buffers === this.#prefill ? 'prefill' : 'reported';
    const key = [kind, slot, batch, seq, rows.start, rows.end].join(' ');
    const kept = this.#bindings.get(key);
    if (kept) return kept;
    const binding = this.#session.createBinding();
    try {
      buffers.bind(binding, place, this.#inputs);
      await this.#bindArrays(binding, place);
    } catch (error) {
      binding.dispose();
      throw error;
    }
    this.#bindings.set(key, binding);
    // Letting go of the oldest may dispose the one that the last decode step used.
    if (kind !== 'decode') this.#boundBinding = undefined;
    return binding;
  }

  async #bindArrays(binding: IoBinding, { slot, batch, rows }: Placement): Promise<void> {
    const pace = new Pace();
    for (const [layer, arrays] of this.#kv.layers.entries()) {
      for (const part of ['key', 'value'] as const) {
        const tensor = this.#kv.tensorOver(arrays[part], slot, batch);
        binding.bindInput(`past_key_values.${layer}.${part}`, tensor);
        binding.bindOutput(`present.${layer}.${part}`, tensor);
        tensor.dispose();
      }
      const turn = pace.step();
      if (turn) await turn;
    }
    await bindStack(binding, this.#stack?.modules ?? [], rows);
  }

  /** Must not be called during a run. */
  dispose(): void {
    this.#bindings.clear();
    this.#boundBinding = undefined;
    this.#session.dispose();
    this.#decode.dispose();
    this.#prefill.dispose();
    this.#reported?.dispose();
    this.#kv.dispose();
  }
}
