import { NativeMemory } from '../../native/index.ts';
import { emptyGrid, fillItems, type ItemGrid, type PlannedItems } from '../adapters/item-grid.ts';
import { OrtTensor, type IoBinding } from '../../onnxruntime/index.ts';

export interface StepShape {
  readonly batch: number;
  /** New tokens of each row. */
  readonly seq: number;
  /** Rank rows in the window; undefined if the graph has no adapters. */
  readonly window: number | undefined;
  /** The items of a decode step where adapters are bytes. */
  readonly grid?: ItemGrid | undefined;
  /** Rows of logits; one for each row of the batch by default. */
  readonly logitRows?: number;
}

/** Sizes for which the buffers are allocated. A step may have fewer rows. */
export interface StepLimits {
  readonly batch: number;
  readonly seq: number;
  readonly window: number;
  /** Most items of a step; absent if no adapters are bytes. */
  readonly items?: number | undefined;
  readonly vocabulary: number;
  readonly logitRows?: number;
}

type StepType = 'int64' | 'int32' | 'float32' | 'bool';

/**
 * The small inputs of a step and its logits. They are allocated once and rewritten for each step.
 *
 * WHY Int32Array over int64 inputs: an id is its low half, the high half stays zero, and a step makes no bigint.
 */
export class StepBuffers {
  readonly limits: StepLimits;
  readonly #memories = new Map<string, NativeMemory>();
  readonly #ids: Int32Array;
  readonly #positions: Int32Array;
  readonly #logitRows: Int32Array;
  readonly #lengths: Int32Array;
  readonly #rotaryLengths: Int32Array;
  readonly #total: Int32Array;
  /** f32 [batch, window] */
  readonly mask: Float32Array;
  readonly #itemRows: Int32Array;
  readonly #itemShares: Float32Array;
  readonly #active: Uint8Array;
  /** f32 [vocabulary] for each row of logits */
  readonly logits: readonly Float32Array[];

  constructor(limits: StepLimits) {
    const { batch, seq, window, items = 1, vocabulary, logitRows = batch } = limits;
    this.limits = limits;
    this.#ids = this.#allocate('input_ids', batch * seq * 8).int32();
    this.#positions = this.#allocate('position_ids', batch * seq * 8).int32();
    this.#logitRows = this.#allocate('logit_rows', logitRows * 8).int32();
    this.#rotaryLengths = this.#allocate('rotary_lengths', batch * 8).int32();
    this.#lengths = this.#allocate('seqlens_k', batch * 4).int32();
    this.#total = this.#allocate('total_length', 4).int32();
    this.mask = this.#allocate('lora_mask', batch * window * 4).float32();
    this.#itemRows = this.#allocate('lora_item_rows', items * 8).int32();
    this.#itemShares = this.#allocate('lora_item_shares', batch * items * 4).float32();
    this.setItems({ grid: emptyGrid, shares: [] });
    this.#active = this.#allocate('lora_active', 1).bytes();
    this.#allocate('lora_few', 1).bytes()[0] = seq === 1 ? 1 : 0;
    const logits = this.#allocate('logits', logitRows * vocabulary * 4);
    this.logits = Array.from({ length: logitRows }, (_, row) => logits.float32(row * vocabulary * 4, vocabulary));
  }

  #allocate(name: string, bytes: number): NativeMemory {
    const memory = NativeMemory.allocate(bytes);
    this.#memories.set(name, memory);
    return memory;
  }

  /** Binds the inputs that the graph has, and the logits. */
  bind(
    binding: IoBinding,
    { batch, seq, window, grid = emptyGrid, logitRows = batch }: StepShape,
    inputs: ReadonlySet<string>,
  ): void {
    const { blocks, places } = grid;
    const rows: [name: string, dtype: StepType, shape: number[]][] = [
      ['input_ids', 'int64', [batch, seq]],
      ['position_ids', 'int64', [batch, seq]],
      ['logit_rows', 'int64', [logitRows]],
      ['rotary_lengths', 'int64', [batch]],
      ['seqlens_k', 'int32', [batch]],
      ['total_length', 'int32', []],
      ['lora_mask', 'float32', [batch, window ?? 0]],
      ['lora_item_rows', 'int64', [blocks, places]],
      ['lora_item_shares', 'float32', [batch, blocks * places]],
      ['lora_active', 'bool', [1]],
      ['lora_few', 'bool', [1]],
    ];
    for (const [name, dtype, shape] of rows) {
      if (inputs.has(name)) this.#withTensor(name, dtype, shape, (tensor) => binding.bindInput(name, tensor));
    }
    const shape = [logitRows, this.limits.vocabulary];
    this.#withTensor('logits', 'float32', shape, (tensor) => binding.bindOutput('logits', tensor));
  }

  /** The binding keeps the memory that is bound to it, so the tensor itself can be disposed at once. */
  #withTensor(name: string, dtype: StepType, shape: number[], use: (tensor: OrtTensor) => void): void {
    const memory = this.#memories.get(name);
    if (memory === undefined) return;
    const tensor = OrtTensor.over(memory, dtype, shape);
    use(tensor);
    tensor.dispose();
  }

  /** Sets one new token of a row; `place` is an index into batch * seq. */
  setToken(place: number, token: number, position: number): void {
    this.#ids[2 * place] = token;
    this.#positions[2 * place] = position;
  }

  /**
   * Sets the length of a row and the place of the wanted logits.
   * @param length tokens of the row, including the new ones
   * @param place  flat index of the token after which the logits are wanted
   */
  setRow(row: number, length: number, place: number): void {
    this.#lengths[row] = length - 1;
    this.#rotaryLengths[2 * row] = length;
    this.#logitRows[2 * row] = place;
  }

  /** Requests the logits after each of the first `count` new tokens of one row. Call it after `setRow`. */
  setEveryLogit(count: number): void {
    for (let place = 0; place < count; place++) this.#logitRows[2 * place] = place;
  }

  /** Sets the length of the whole row if more chunks follow, because the rotation of heads may depend on it. Call it after `setRow`. */
  setWholeLength(row: number, length: number): void {
    this.#rotaryLengths[2 * row] = length;
  }

  /** Says whether any row has an adapter. Where adapters are bytes, nothing of them is computed if none has. */
  setActive(isActive: boolean): void {
    this.#active[0] = isActive ? 1 : 0;
  }

  /** Sets the items of a decode step where adapters are bytes. */
  setItems(planned: PlannedItems): void {
    fillItems({ rows: this.#itemRows, shares: this.#itemShares }, planned);
  }

  /** @param longest  tokens of the longest row */
  setTotal(longest: number): void {
    this.#total[0] = longest;
  }

  dispose(): void {
    for (const memory of this.#memories.values()) memory.dispose();
  }
}
