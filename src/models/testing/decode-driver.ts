import { openGraph } from '../../execution/index.ts';
import type { Model } from '../../ir/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { OrtTensor, type Environment, type IoBinding, type Session } from '../../onnxruntime/index.ts';
import { byteLength, type DataType } from '../../tensor/index.ts';
import type { BaseModel } from '../base-model.ts';
import { readersOf } from '../cache-readers.ts';
import { buildDecodeGraph } from '../graphs.ts';

export interface DriverOptions {
  readonly slots: number;
  readonly maxLength: number;
  /** Changes the graph before it is loaded. */
  readonly change?: (model: Model) => void;
  /** Further inputs, bound at every run. */
  readonly inputs?: ReadonlyMap<string, OrtTensor>;
}

/** Runs the decode graph like an engine, without scheduling: each slot has keys, values and a length. */
export class DecodeDriver {
  readonly lengths: number[];
  readonly cache: readonly NativeMemory[];
  /** The recurrent states of all slots, f32 [slots, ...shape] each. */
  readonly states: readonly NativeMemory[];
  readonly session: Session;
  readonly #base: BaseModel;
  readonly #options: DriverOptions;

  static async open(base: BaseModel, environment: Environment, options: DriverOptions): Promise<DecodeDriver> {
    const model = buildDecodeGraph(base, { maxLength: options.maxLength });
    options.change?.(model);
    const { session } = await openGraph(model, { environment, baseDir: base.dir });
    return new DecodeDriver(base, session, options);
  }

  private constructor(base: BaseModel, session: Session, options: DriverOptions) {
    this.#base = base;
    this.#options = options;
    this.session = session;
    this.lengths = Array.from({ length: options.slots }, () => 0);
    const bytes = byteLength('float32', this.#cacheShape(options.slots));
    const { layers, kvLayers = layers, states = [] } = base.config;
    this.cache = Array.from({ length: 2 * kvLayers }, () => NativeMemory.allocate(bytes));
    this.states = states.map((shape) => NativeMemory.allocate(byteLength('float32', [options.slots, ...shape])));
    // What lies there before a row begins must not matter.
    for (const memory of this.states) memory.float32().fill(NaN);
  }

  /** Appends tokens to one slot. @returns the logits of each token, f32 [tokens.length, vocab] */
  async prefill(
    slot: number,
    tokens: readonly number[],
    extra?: ReadonlyMap<string, OrtTensor>,
  ): Promise<Float32Array> {
    const before = this.lengths[slot] ?? 0;
    this.lengths[slot] = before + tokens.length;
    return this.#run({ slot, rows: 1, tokens, positions: tokens.map((_, i) => before + i), extra });
  }

  /** Appends one token to each of the first slots. @returns logits f32 [tokens.length, vocab] */
  async step(tokens: readonly number[], extra?: ReadonlyMap<string, OrtTensor>): Promise<Float32Array> {
    const positions = tokens.map((_, slot) => this.lengths[slot] ?? 0);
    tokens.forEach((_, slot) => (this.lengths[slot] = (this.lengths[slot] ?? 0) + 1));
    return this.#run({ slot: 0, rows: tokens.length, tokens, positions, extra });
  }

  /** Greedy decoding. @returns the prompt and the new tokens */
  async greedy(prompt: readonly number[], count: number): Promise<number[]> {
    const { vocabSize } = this.#base.config;
    const tokens = [...prompt];
    let logits: Float32Array = (await this.prefill(0, prompt)).slice(-vocabSize);
    while (tokens.length < prompt.length + count) {
      const next = logits.indexOf(Math.max(...logits));
      tokens.push(next);
      if (tokens.length < prompt.length + count) logits = await this.#extend(tokens);
    }
    return tokens;
  }

  /** Appends the last token, or computes all tokens again when the row outgrows `recomputeLength`. */
  async #extend(tokens: readonly number[]): Promise<Float32Array> {
    const { recomputeLength, vocabSize } = this.#base.config;
    if (this.lengths[0] !== recomputeLength) return this.step(tokens.slice(-1));
    this.lengths[0] = 0;
    return (await this.prefill(0, tokens)).slice(-vocabSize);
  }

  dispose(): void {
    this.session.dispose();
    for (const memory of [...this.cache, ...this.states]) memory.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #cacheShape(rows: number): number[] {
    const { kvHeads, headDim, cachedHeadDim = headDim } = this.#base.config;
    return [rows, kvHeads, this.#options.maxLength, cachedHeadDim];
  }

  async #run({ slot, rows, tokens, positions, extra }: RunInit): Promise<Float32Array> {
    using binding = this.session.createBinding();
    const seq = tokens.length / rows;
    const lengths = this.lengths.slice(slot, slot + rows);
    bindNew(binding, 'input_ids', { dtype: 'int64', shape: [rows, seq], values: tokens });
    bindNew(binding, 'seqlens_k', { dtype: 'int32', shape: [rows], values: lengths.map((length) => length - 1) });
    bindNew(binding, 'total_length', { dtype: 'int32', shape: [], values: [Math.max(...lengths)] });
    bindNew(binding, 'logit_rows', { dtype: 'int64', shape: [tokens.length], values: tokens.map((_, i) => i) });
    const inputs = new Set(this.session.inputs.map(({ name }) => name));
    if (inputs.has('position_ids')) {
      bindNew(binding, 'position_ids', { dtype: 'int64', shape: [rows, seq], values: positions });
    }
    if (inputs.has('rotary_lengths')) {
      bindNew(binding, 'rotary_lengths', { dtype: 'int64', shape: [rows], values: lengths });
    }
    this.#bindCache(binding, slot, rows);
    for (const [name, tensor] of [...(this.#options.inputs ?? []), ...(extra ?? [])]) binding.bindInput(name, tensor);
    const { vocabSize } = this.#base.config;
    using logits = NativeMemory.allocate(tokens.length * vocabSize * 4);
    using output = OrtTensor.over(logits, 'float32', [tokens.length, vocabSize]);
    binding.bindOutput('logits', output);
    await this.session.run(binding);
    return logits.float32().slice();
  }

  #bindCache(binding: IoBinding, slot: number, rows: number): void {
    const shape = this.#cacheShape(rows);
    const offset = slot * byteLength('float32', this.#cacheShape(1));
    this.cache.forEach((memory, index) => {
      using tensor = OrtTensor.over(memory, 'float32', shape, offset);
      for (const layer of readersOf(this.#base.config, index >> 1)) {
        const part = `${layer}.${index % 2 === 0 ? 'key' : 'value'}`;
        binding.bindInput(`past_key_values.${part}`, tensor);
        binding.bindOutput(`present.${part}`, tensor);
      }
    });
    for (const [index, dims] of (this.#base.config.states ?? []).entries()) {
      const memory = this.states[index];
      if (memory === undefined) continue;
      using tensor = OrtTensor.over(memory, 'float32', [rows, ...dims], slot * byteLength('float32', dims));
      binding.bindInput(`past_state.${index}`, tensor);
      binding.bindOutput(`present_state.${index}`, tensor);
    }
  }
}

interface RunInit {
  readonly slot: number;
  readonly rows: number;
  readonly tokens: readonly number[];
  readonly positions: readonly number[];
  readonly extra: ReadonlyMap<string, OrtTensor> | undefined;
}

/** Binds an input to new memory, which the binding owns. */
export function bindNew(
  binding: IoBinding,
  name: string,
  { dtype, shape, values }: { dtype: DataType; shape: readonly number[]; values: readonly number[] },
): void {
  using memory = NativeMemory.allocate(byteLength(dtype, shape));
  if (dtype === 'int64') memory.bigInt64().set(values.map(BigInt));
  else if (dtype === 'int32') memory.int32().set(values);
  else memory.float32().set(values);
  using tensor = OrtTensor.over(memory, dtype, shape);
  binding.bindInput(name, tensor);
}
