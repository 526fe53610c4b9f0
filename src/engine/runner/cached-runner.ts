import { LeastRecentlyUsed, Pace } from '../../core/index.ts';
import { openGraph, type OpenGraph } from '../../execution/index.ts';
import { buildDecodeGraphInSlices, readersOf, type BaseModel, type ModelConfig } from '../../models/index.ts';
import type { Environment, IoBinding, Session } from '../../onnxruntime/index.ts';
import type { AdapterStack } from '../adapters/adapter-stack.ts';
import { fillMask, windowOf, type AppliedAdapter } from '../adapters/adapter-window.ts';
import { bindStack } from '../adapters/bind-stack.ts';
import { planItems } from '../adapters/item-grid.ts';
import { stackPasses } from '../adapters/stack-passes.ts';
import { DeviceKvCache } from './device-kv-cache.ts';
import { KvCache, positionShapeOf } from './kv-cache.ts';
import type { KvShape } from './kv-shape.ts';
import type { KvStore, RunSlots } from './kv-store.ts';
import type { RankRows } from '../adapters/rank-rows.ts';
import type { SlotStore } from './slot-store.ts';
import type { DecodeRow, DecodeStep, PrefillStep, Step, StepOutput, StepRunner } from './step-runner.ts';
import { StepBuffers, type StepLimits, type StepShape } from './step-buffers.ts';

export interface RunnerOptions {
  readonly base: BaseModel;
  readonly environment: Environment;
  readonly slots: number;
  readonly maxLength: number;
  /** Most tokens that a prefill may have. */
  readonly prefillChunk: number;
  /** Most tokens of a prefill that returns the logits after each token. */
  readonly reportedChunk: number;
  /** The adapters, or undefined for the base alone. The runner does not own them. */
  readonly stack: AdapterStack | undefined;
}

/** Number of kept bindings of decode steps. A step has the same binding as the one before it until a sequence joins or leaves. */
const keptBindings = 64;

/** On a device a binding has a copy of the adapters in its window, so that fewer are kept. */
const keptOnDevice = 2;

/** Copies of a window of adapters that bindings have on a device, at most: those of decode steps, and one for each kind of prefill. */
export const mostWindows = keptOnDevice + 2;

/** The parts that are bound for the rows of a step: slots [slot, slot + batch), and the window of rank rows. */
interface Placement extends StepShape {
  readonly slot: number;
  readonly rows: RankRows;
}

interface PreparedStep {
  readonly binding: IoBinding;
  readonly slots: RunSlots;
  readonly output: StepOutput;
}

/** The binding of one kind of prefill, and the values that are bound to it. */
interface PrefillBinding {
  readonly binding: IoBinding;
  place: Placement | undefined;
}

/**
 * Runs the decode graph: one sequence's prefill, or one token for every running sequence. It knows slots and rank rows, but not
 * requests. A decode step with the same sequences as the last one binds and allocates nothing.
 *
 * WHY one binding for all prefills, and many for decode: nearly every prefill has another slot or length than the last one, but mostly
 * the same adapters, so most of the hundreds of tensors of a binding stay the same. Decode steps repeat exactly.
 */
export class CachedRunner implements StepRunner {
  readonly #session: Session;
  readonly #stack: AdapterStack | undefined;
  readonly #unit: number;
  readonly #hasItems: boolean;
  readonly #inputs: ReadonlySet<string>;
  readonly #config: ModelConfig;
  readonly #kv: KvStore;
  readonly #decode: StepBuffers;
  readonly #prefill: StepBuffers;
  /** Buffers for prefills that return the logits after each token. Allocated at the first such prefill, because they are large. */
  #reported: StepBuffers | undefined;
  readonly #reportedLimits: StepLimits;
  readonly #bindings: LeastRecentlyUsed<IoBinding>;
  readonly #prefillBindings = new Map<StepBuffers, PrefillBinding>();
  /** The adapters of the last decode step, by row, its first slot, and the binding that fits them. */
  readonly #bound: (readonly AppliedAdapter[])[] = [];
  #boundSlot = 0;
  #steady: PreparedStep | undefined;
  #prepared: PreparedStep | undefined;

  static async open(options: RunnerOptions): Promise<CachedRunner> {
    const { base, environment, maxLength, stack } = options;
    const model = await buildDecodeGraphInSlices(base, { maxLength });
    const session = { spins: true };
    const graph = await openGraph(model, { passes: stackPasses(stack), environment, baseDir: base.dir, session });
    try {
      const { slots } = options;
      const kv = await openKvStore(graph.session, {
        ...options,
        shape: { ...kvShapeOf(base.config), slots, maxLength },
      });
      return new CachedRunner(graph, kv, options);
    } catch (error) {
      graph.dispose();
      throw error;
    }
  }

  private constructor({ session, inputs }: OpenGraph, kv: KvStore, options: RunnerOptions) {
    const { base, slots, prefillChunk, reportedChunk: logitRows, stack } = options;
    const { vocabSize: vocabulary } = base.config;
    const kept = session.provider === 'cpu' ? keptBindings : keptOnDevice;
    this.#bindings = new LeastRecentlyUsed<IoBinding>(kept, (binding) => binding.dispose());
    this.#session = session;
    this.#stack = stack;
    this.#inputs = inputs;
    this.#config = base.config;
    this.#kv = kv;
    const window = stack?.rows ?? 1;
    this.#unit = stack?.unit ?? 1;
    this.#hasItems = stack !== undefined && stack.bytePaths.size > 0;
    const items = stack && this.#hasItems ? (slots * stack.rows) / stack.unit : undefined;
    this.#decode = new StepBuffers({ batch: slots, seq: 1, window, items, vocabulary });
    this.#prefill = new StepBuffers({ batch: 1, seq: prefillChunk, window, vocabulary });
    this.#reportedLimits = { batch: 1, seq: logitRows, window, vocabulary, logitRows };
  }

  get slots(): SlotStore {
    return this.#kv;
  }

  async prepare(step: Step): Promise<void> {
    this.#prepared = undefined;
    this.#prepared = await (step.kind === 'decode' ? this.#prepareDecode(step) : this.#preparePrefill(step));
  }

  async run(signal?: AbortSignal): Promise<StepOutput> {
    const prepared = this.#prepared;
    if (prepared === undefined) throw new RangeError('No step was prepared');
    signal?.throwIfAborted();
    const entering = this.#kv.enter(prepared.slots);
    if (entering) await entering;
    await this.#session.run(prepared.binding, signal === undefined ? {} : { signal });
    return prepared.output;
  }

  async #preparePrefill({ slot, tokens, start, end, adapters, logits }: PrefillStep): Promise<PreparedStep> {
    if (logits === 'every') this.#reported ??= new StepBuffers(this.#reportedLimits);
    const buffers = (logits === 'every' ? this.#reported : undefined) ?? this.#prefill;
    const seq = end - start;
    for (let place = 0; place < seq; place++) buffers.setToken(place, tokens[start + place] ?? 0, start + place);
    buffers.setRow(0, end, seq - 1);
    const logitRows = logits === 'every' ? seq : 1;
    if (logitRows > 1) buffers.setEveryLogit(logitRows);
    buffers.setWholeLength(0, tokens.length);
    buffers.setTotal(end);
    const rows = windowOf([adapters], this.#unit);
    fillMask(buffers.mask, rows, [adapters]);
    buffers.setActive(adapters.length > 0);
    const binding = await this.#bindPrefill(buffers, this.#placement({ slot, batch: 1, seq, rows, logitRows }));
    const slots = { first: slot, count: 1, isEmpty: start === 0 };
    return { binding, slots, output: { rows: buffers.logits } };
  }

  async #prepareDecode({ rows, slot }: DecodeStep): Promise<PreparedStep> {
    const buffers = this.#decode;
    let longest = 0;
    for (let row = 0; row < rows.length; row++) {
      const sequence = rows[row];
      if (sequence === undefined) continue;
      const length = sequence.length + 1;
      buffers.setToken(row, sequence.lastToken, sequence.length);
      buffers.setRow(row, length, row);
      longest = Math.max(longest, length);
    }
    buffers.setTotal(longest);
    if (this.#steady !== undefined && this.#isBoundTo(rows, slot)) return this.#steady;
    const binding = await this.#rebind(rows, slot);
    const slots = { first: slot, count: rows.length, isEmpty: false };
    this.#steady = { binding, slots, output: { rows: buffers.logits } };
    return this.#steady;
  }

  /** Whether the rows of the batch still have the adapters of the step before. */
  #isBoundTo(rows: readonly DecodeRow[], slot: number): boolean {
    if (slot !== this.#boundSlot || rows.length !== this.#bound.length) return false;
    for (let row = 0; row < rows.length; row++) if (rows[row]?.adapters !== this.#bound[row]) return false;
    return true;
  }

  async #rebind(batch: readonly DecodeRow[], slot: number): Promise<IoBinding> {
    const adapters = batch.map((row) => row.adapters);
    const rows = windowOf(adapters, this.#unit);
    // WHY not always: where no adapters are bytes, no input reads the items, and their grid would only divide the kept bindings.
    const items = this.#hasItems ? planItems(rows, this.#unit, adapters) : undefined;
    this.#steady = undefined;
    this.#bound.splice(0, this.#bound.length, ...adapters);
    this.#boundSlot = slot;
    const binding = await this.#decodeBinding(
      this.#placement({ slot, batch: batch.length, seq: 1, rows, grid: items?.grid }),
    );
    fillMask(this.#decode.mask, rows, adapters);
    this.#decode.setActive(adapters.some((own) => own.length > 0));
    if (items) this.#decode.setItems(items);
    return binding;
  }

  #placement(place: Omit<Placement, 'window'>): Placement {
    return { ...place, window: this.#stack === undefined ? undefined : place.rows.end - place.rows.start };
  }

  async #decodeBinding(place: Placement): Promise<IoBinding> {
    const { slot, batch, rows, grid } = place;
    const key = [slot, batch, rows.start, rows.end, grid?.places].join(' ');
    const kept = this.#bindings.get(key);
    if (kept) return kept;
    const binding = this.#session.createBinding();
    try {
      this.#decode.bind(binding, place, this.#inputs);
      await this.#bindCache(binding, place);
      await bindStack(binding, this.#stack, rows);
    } catch (error) {
      binding.dispose();
      throw error;
    }
    this.#bindings.set(key, binding);
    return binding;
  }

  /** Binds the values that differ from the last prefill. If that fails, the next prefill gets a new binding. */
  async #bindPrefill(buffers: StepBuffers, place: Placement): Promise<IoBinding> {
    const kept = this.#prefillBindings.get(buffers) ?? { binding: this.#session.createBinding(), place: undefined };
    this.#prefillBindings.set(buffers, kept);
    const { binding, place: before } = kept;
    try {
      const isSameWindow = before?.rows.start === place.rows.start && before.rows.end === place.rows.end;
      if (before?.seq !== place.seq || !isSameWindow) buffers.bind(binding, place, this.#inputs);
      if (before?.slot !== place.slot) await this.#bindCache(binding, place);
      if (!isSameWindow) await bindStack(binding, this.#stack, place.rows);
    } catch (error) {
      this.#prefillBindings.delete(buffers);
      binding.dispose();
      throw error;
    }
    kept.place = place;
    return binding;
  }

  async #bindCache(binding: IoBinding, { slot, batch }: Placement): Promise<void> {
    const pace = new Pace();
    const reserving = this.#kv.reserve(slot, batch);
    if (reserving) await reserving;
    for (let layer = 0; layer < this.#kv.shape.layers; layer++) {
      const tensors = this.#kv.tensorsOver(layer, slot, batch);
      for (const part of ['key', 'value'] as const) {
        const tensor = tensors[part];
        for (const reader of readersOf(this.#config, layer)) {
          binding.bindInput(`past_key_values.${reader}.${part}`, tensor);
          binding.bindOutput(`present.${reader}.${part}`, tensor);
        }
        tensor.dispose();
      }
      const turn = pace.step();
      if (turn) await turn;
    }
    const { states } = this.#kv;
    for (let state = 0; state < states.count; state++) {
      const tensor = states.tensorOver(state, slot, batch);
      binding.bindInput(`past_state.${state}`, tensor);
      binding.bindOutput(`present_state.${state}`, tensor);
      tensor.dispose();
    }
  }

  /** Must not be called during a run. */
  dispose(): void {
    this.#bindings.clear();
    for (const { binding } of this.#prefillBindings.values()) binding.dispose();
    [this.#prepared, this.#steady] = [undefined, undefined];
    this.#session.dispose();
    this.#decode.dispose();
    this.#prefill.dispose();
    this.#reported?.dispose();
    this.#kv.dispose();
  }
}

function kvShapeOf(config: ModelConfig): Omit<KvShape, 'slots' | 'maxLength'> {
  return { ...positionShapeOf(config), states: config.states };
}

/**
 * Where the keys and values lie: on the session's device if it reads and writes them there, else on the host.
 *
 * WHY not on the device for files that are tried: their operators need not append in place.
 */
async function openKvStore(
  session: Session,
  { base, environment, shape }: Pick<RunnerOptions, 'base' | 'environment'> & { readonly shape: KvShape },
): Promise<KvStore> {
  const isCache = ({ name }: { name: string }): boolean => /^(?:past_key_values|present)\./.test(name);
  const isThere =
    session.inputs.filter(isCache).every(({ name }) => session.deviceInputs.has(name)) &&
    session.outputs.filter(isCache).every(({ name }) => session.deviceOutputs.has(name));
  if (base.decodeOnTrial === true || !isThere || shape.layers === 0) return new KvCache(shape);
  return DeviceKvCache.open(shape, { session, environment });
}
