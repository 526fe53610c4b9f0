import { EspalierError, LeastRecentlyUsed, Pace } from '../core/index.ts';
import { OrtTensor, StringTensor, type IoBinding, type Session } from '../onnxruntime/index.ts';
import type { NativeMemory } from '../native/index.ts';
import { unpackStrings, type TensorData } from '../tensor/index.ts';
import { findTensor, inputBuffer, layOutRun, outputBuffer, withRows, type RunBuffer } from './memory/run-layout.ts';
import type { BufferPlan } from './memory/plan-buffers.ts';
import type { RunMemory } from './memory/run-memory.ts';
import type { MemoryBlock } from './memory/memory-block.ts';
import type { RunRequest } from './run-request.ts';
import { gatherRows, offsetIn, rowsOf, viewOf } from './run-rows.ts';
import type { ModelSignature } from './model-signature.ts';
import type { OutputShapes } from './output-shapes.ts';

/** Tensors that a run reads besides those of its requests, such as an adapter's. They must stay valid until the run has ended. */
export type BoundTensors = ReadonlyMap<string, OrtTensor>;

export type Answer = ReadonlyMap<string, TensorData>;

export interface RunnerParts {
  readonly session: Session;
  readonly signature: ModelSignature;
  readonly shapes: OutputShapes;
  readonly memory: RunMemory;
  /** Most rows of a batch. */
  readonly maxRows: number;
  /** The further tensors of a run that gives none itself. */
  readonly baseTensors?: BoundTensors | undefined;
}

export interface RunSettings {
  /** Which of the model's concurrent runs this is, from 0. */
  readonly lane: number;
  readonly tensors?: BoundTensors | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Number of kept bindings if buffers keep their places. */
const keptBindings = 64;

interface Run {
  readonly batch: readonly RunRequest[];
  readonly rows: number;
  readonly inputs: readonly RunBuffer[];
  readonly outputs: readonly (Omit<RunBuffer, 'shape'> & { readonly shape: readonly number[] | undefined })[];
}

/** The bindings to a lane's arena, by the shapes of the run. */
interface KeptBindings {
  readonly memory: NativeMemory;
  readonly bindings: LeastRecentlyUsed<IoBinding>;
}

/** Runs batches: joins their rows, binds planned buffers, and cuts the answers out again. It decides nothing. */
export class BatchRunner {
  readonly #parts: RunnerParts;
  readonly #lanes = new Map<number, KeptBindings>();

  /** Takes ownership of the session and the memory. */
  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /**
   * @param batch  requests of one group; several are joined along the first axis
   * @throws EspalierError ORT_FAILED; the signal's reason when aborted
   */
  async run(batch: readonly RunRequest[], settings: RunSettings): Promise<Answer[]> {
    const run = this.#prepare(batch);
    const isPlanned = run.outputs.some(({ shape }) => shape !== undefined);
    try {
      return await this.#execute(run, settings);
    } catch (error) {
      if (!isPlanned || !EspalierError.isInstance(error) || error.code !== 'ORT_FAILED') throw error;
      // A buffer with a wrongly predicted shape fails the run. Without predicted shapes the run succeeds.
      const outputs = run.outputs.map(({ tensor }) => ({ tensor, shape: undefined }));
      const answers = await this.#execute({ ...run, outputs }, settings);
      this.#parts.shapes.distrust();
      return answers;
    }
  }

  #prepare(batch: readonly RunRequest[]): Run {
    const { signature, shapes, memory } = this.#parts;
    const rows = batch.reduce((sum, request) => sum + request.rows, 0);
    const [first] = batch;
    const inputs = signature.inputs.flatMap((tensor, place) => {
      const own = first?.inputs[place]?.shape;
      return own === undefined ? [] : [{ tensor, shape: batch.length === 1 ? own : withRows(own, rows) }];
    });
    const wanted = new Set(batch.flatMap(({ outputs }) => outputs));
    const foretold = shapes.of(new Map(inputs.map(({ tensor, shape }) => [tensor.name, shape])));
    const outputs = [...wanted].map((name) => {
      const tensor = findTensor(signature.outputs, name);
      const isPlanned = memory.holdsOutputs && tensor.dtype !== 'string';
      return { tensor, shape: isPlanned ? foretold.get(name) : undefined };
    });
    return { batch, rows, inputs, outputs };
  }

  async #execute(run: Run, { lane, tensors, signal }: RunSettings): Promise<Answer[]> {
    const layout = this.#layOut(run);
    const block = this.#parts.memory.acquire(lane, layout.bytes);
    let binding: IoBinding | undefined;
    let isKept = false;
    try {
      await gatherRows(run, layout, block);
      [binding, isKept] = this.#bind(run, { layout, block, lane, tensors });
      await this.#parts.session.run(binding, { signal });
      return await this.#answer(run, { layout, block, binding });
    } finally {
      if (!isKept) binding?.dispose();
      block.release();
    }
  }

  /** If the buffers never move, they are placed as for the largest batch, and a smaller batch uses the beginning of each. */
  #layOut({ inputs, outputs, rows }: Run): BufferPlan {
    const { memory, signature, maxRows } = this.#parts;
    const known = outputs.flatMap(({ tensor, shape }) => (shape === undefined ? [] : [{ tensor, shape }]));
    if (!memory.placesForLargest || !signature.batching.joins) return layOutRun(inputs, known);
    const largest = Math.max(rows, maxRows);
    const widen = ({ tensor, shape }: RunBuffer): RunBuffer => ({ tensor, shape: withRows(shape, largest) });
    return layOutRun(inputs.map(widen), known.map(widen));
  }

  #bind(
    run: Run,
    place: { layout: BufferPlan; block: MemoryBlock; lane: number; tensors: BoundTensors | undefined },
  ): [binding: IoBinding, isKept: boolean] {
    const { block, lane, tensors } = place;
    const isSteady =
      block.isSteady && tensors === undefined && run.inputs.every(({ tensor }) => tensor.dtype !== 'string');
    if (!isSteady) return [this.#makeBinding(run, place), false];
    const { bindings } = this.#keptBindings(lane, block.memory);
    const outputs = run.outputs.map(({ tensor, shape }) => [tensor.name, shape]);
    const key = JSON.stringify([run.inputs.map(({ shape }) => shape), outputs]);
    const binding = bindings.get(key) ?? this.#makeBinding(run, place);
    bindings.set(key, binding);
    return [binding, true];
  }

  /** An arena that has grown is new memory. Bindings to the old memory are disposed. */
  #keptBindings(lane: number, memory: NativeMemory): KeptBindings {
    const present = this.#lanes.get(lane);
    if (present?.memory === memory) return present;
    present?.bindings.clear();
    const bindings = new LeastRecentlyUsed<IoBinding>(keptBindings, (binding) => binding.dispose());
    const kept = { memory, bindings };
    this.#lanes.set(lane, kept);
    return kept;
  }

  #makeBinding(
    { batch, inputs, outputs }: Run,
    { layout, block, tensors }: { layout: BufferPlan; block: MemoryBlock; tensors: BoundTensors | undefined },
  ): IoBinding {
    const binding = this.#parts.session.createBinding();
    try {
      for (const [place, { tensor, shape }] of inputs.entries()) {
        if (tensor.dtype === 'string') {
          // A model of strings runs its requests alone.
          using strings = StringTensor.of(
            shape,
            unpackStrings(batch[0]?.inputs[place]?.bytes ?? new Uint8Array()) ?? [],
          );
          binding.bindInput(tensor.name, strings);
          continue;
        }
        using view = OrtTensor.over(
          block.memory,
          tensor.dtype,
          shape,
          offsetIn(layout, block, inputBuffer(tensor.name)),
        );
        binding.bindInput(tensor.name, view);
      }
      for (const [name, tensor] of tensors ?? this.#parts.baseTensors ?? []) binding.bindInput(name, tensor);
      for (const { tensor, shape } of outputs) {
        if (shape === undefined) {
          binding.bindOutputToHost(tensor.name);
          continue;
        }
        using view = OrtTensor.over(
          block.memory,
          tensor.dtype,
          shape,
          offsetIn(layout, block, outputBuffer(tensor.name)),
        );
        binding.bindOutput(tensor.name, view);
      }
      return binding;
    } catch (error) {
      binding.dispose();
      throw error;
    }
  }

  async #answer(
    { batch, rows, outputs }: Run,
    { layout, block, binding }: { layout: BufferPlan; block: MemoryBlock; binding: IoBinding },
  ): Promise<Answer[]> {
    const isForetold = outputs.every(({ shape }) => shape !== undefined);
    const allocated = isForetold ? [] : binding.outputs();
    const pace = new Pace();
    const answers = batch.map(() => new Map<string, TensorData>());
    for (const { tensor, shape } of outputs) {
      const { name, dtype } = tensor;
      const whole =
        allocated.find((output) => output.name === name)?.tensor ??
        viewOf(block.memory, offsetIn(layout, block, outputBuffer(name)), { dtype, shape: shape ?? [] });
      if (batch.length > 1 && whole.shape[0] !== rows) throw new RowsLostError(name);
      let start = 0;
      for (const [place, request] of batch.entries()) {
        const part = batch.length === 1 ? whole : rowsOf(whole, start, request.rows);
        if (request.outputs.includes(name)) answers[place]?.set(name, { ...part, bytes: part.bytes.slice() });
        start += request.rows;
        await pace.step();
      }
    }
    return answers;
  }

  dispose(): void {
    for (const { bindings } of this.#lanes.values()) bindings.clear();
    this.#parts.session.dispose();
    this.#parts.memory.dispose();
  }
}

/** An output of a joined batch has another number of rows than the inputs, so the model does not keep rows separate. */
export class RowsLostError extends Error {
  constructor(output: string) {
    super(`The output ${output} does not have as many rows as the inputs`);
  }
}
