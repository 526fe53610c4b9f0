import { openGraph, type OpenGraph } from '../../execution/index.ts';
import { moduleKey, type Model } from '../../ir/index.ts';
import {
  canInject,
  injectParameters,
  loraPass,
  parametersPass,
  readSquaredNorms,
  type GivenParameter,
  type LoraModule,
} from '../../lora/index.ts';
import { buildHeadGraph, buildTrunkGraph, type BaseModel, type ModelConfig } from '../../models/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { OrtTensor, type Environment, type IoBinding } from '../../onnxruntime/index.ts';
import type { ScoringRow } from './targets.ts';

/** A module with an adapter whose matrices the caller binds. */
export interface ScoredModule extends Pick<LoraModule, 'path' | 'rank' | 'scaling'> {
  /** Whether the adapter is a DoRA adapter, so that `<path>.lora_magnitude` is bound too. */
  readonly hasMagnitude?: boolean;
  /** Whether it has a bias (`lora_bias`), so that `<path>.lora_bias` is bound too. */
  readonly hasBias?: boolean;
}

export interface ScoringPartsOptions {
  readonly base: BaseModel;
  readonly environment: Environment;
  readonly modules: readonly ScoredModule[];
  /** Parameters of the base that the caller binds by name. */
  readonly parameters?: readonly GivenParameter[];
  readonly full?: boolean;
  readonly maxLength?: number;
  readonly maxLogitBytes?: number;
}

/**
 * The two sessions of scoring, and the memory between them. The trunk computes the hidden states of rows. The head takes as many hidden
 * states at a time as the limit of the logits permits.
 */
export class ScoringParts {
  readonly #config: ModelConfig;
  readonly #trunk: Part;
  readonly #head: Part;
  readonly #rowsPerRun: number;

  static async open(options: ScoringPartsOptions): Promise<ScoringParts> {
    const { base, modules, parameters = [], full = false, maxLength = base.config.maxPositions } = options;
    const models = [buildTrunkGraph(base, { full, maxLength }), buildHeadGraph(base, { full })] as const;
    const [lower, upper] = models.map((model) => parameters.filter((parameter) => canInject(model, parameter)));
    const inHead = new Set(models[1].graph.nodes.map(({ metadata }) => metadata.get(moduleKey)));
    const [above, below] = [
      modules.filter(({ path }) => inHead.has(path)),
      modules.filter(({ path }) => !inHead.has(path)),
    ];
    const lost = parameters.filter((parameter) => !lower?.includes(parameter) && !upper?.includes(parameter));
    if (lost.length > 0) injectParameters(models[0], lost); // throws an error with the reason for each parameter
    const trunk = await openPart(options, {
      model: models[0],
      modules: below,
      parameters: lower,
    });
    try {
      const head = await openPart(options, { model: models[1], modules: above, parameters: upper });
      return new ScoringParts(options, trunk, head);
    } catch (error) {
      disposePart(trunk);
      throw error;
    }
  }

  private constructor({ base, maxLogitBytes = 64 * 2 ** 20 }: ScoringPartsOptions, trunk: Part, head: Part) {
    this.#config = base.config;
    this.#trunk = trunk;
    this.#head = head;
    this.#rowsPerRun = Math.max(1, Math.floor(maxLogitBytes / (4 * base.config.vocabSize)));
  }

  /** Binds an input of the trunk, of the head, or of both. @throws EspalierError BINDING_NAME_UNKNOWN, BINDING_MISMATCH */
  bind(name: string, tensor: OrtTensor): void {
    const owners = [this.#trunk, this.#head].filter(({ graph }) => graph.inputs.has(name));
    for (const { binding } of owners.length > 0 ? owners : [this.#trunk]) binding.bindInput(name, tensor);
  }

  /** −log p of each target of these rows, concatenated, f32 [targets]. The caller must not run two calls at a time. */
  async run(rows: readonly ScoringRow[], signal: AbortSignal | undefined): Promise<Float32Array> {
    const { hiddenSize } = this.#config;
    const length = Math.max(...rows.map(({ tokens }) => tokens.length));
    using hidden = NativeMemory.allocate(rows.length * length * hiddenSize * 4);
    using states = OrtTensor.over(hidden, 'float32', [rows.length * length, hiddenSize]);
    bindIds(this.#trunk.binding, 'input_ids', { ids: padded(rows, length), shape: [rows.length, length] });
    this.#trunk.binding.bindOutput('hidden', states);
    await this.#trunk.graph.session.run(this.#trunk.binding, { signal });
    const positions = rows.flatMap(({ targets }, row) => targets.positions.map((position) => row * length + position));
    gatherRows(hidden.float32(), positions, hiddenSize);
    const ids = rows.flatMap(({ targets }) => targets.ids);
    return await this.#losses(hidden, ids, signal); // WHY await: `hidden` is disposed when this function returns
  }

  /** @param hidden  f32 [≥ ids.length, hidden], the hidden state for each target */
  async #losses(hidden: NativeMemory, ids: readonly number[], signal: AbortSignal | undefined): Promise<Float32Array> {
    const { hiddenSize } = this.#config;
    using losses = NativeMemory.allocate(ids.length * 4);
    for (let start = 0; start < ids.length; start += this.#rowsPerRun) {
      const rows = Math.min(this.#rowsPerRun, ids.length - start);
      using states = OrtTensor.over(hidden, 'float32', [rows, hiddenSize], start * hiddenSize * 4);
      using output = OrtTensor.over(losses, 'float32', [rows], start * 4);
      this.#head.binding.bindInput('hidden', states);
      bindIds(this.#head.binding, 'target_ids', { ids: ids.slice(start, start + rows), shape: [rows] });
      this.#head.binding.bindOutput('token_losses', output);
      await this.#head.graph.session.run(this.#head.binding, { signal });
    }
    return losses.float32().slice();
  }

  dispose(): void {
    disposePart(this.#trunk);
    disposePart(this.#head);
  }
}

interface Part {
  readonly graph: OpenGraph;
  readonly binding: IoBinding;
}

async function openPart(
  { base, environment }: ScoringPartsOptions,
  {
    model,
    modules,
    parameters = [],
  }: { model: Model; modules: readonly ScoredModule[]; parameters: readonly GivenParameter[] | undefined },
): Promise<Part> {
  const lora = loraPass({ modules: await withNorms(model, modules, base.dir) });
  const graph = await openGraph(model, {
    passes: [parametersPass(parameters), lora],
    environment,
    baseDir: base.dir,
    session: { varyingShapes: true, exactProducts: true },
  });
  return { graph, binding: graph.createBinding() };
}

/** Adds the row norms of the base's weights to the modules with a magnitude. */
export async function withNorms(model: Model, modules: readonly ScoredModule[], folder: string): Promise<LoraModule[]> {
  const paths = modules.filter(({ hasMagnitude }) => hasMagnitude).map(({ path }) => path);
  const norms = paths.length > 0 ? await readSquaredNorms(model, paths, { folder }) : undefined;
  return modules.map(({ path, rank, scaling, hasBias = false }) => {
    const squaredNorms = norms?.get(path);
    return { path, rank, scaling, hasBias, ...(squaredNorms && { dora: { squaredNorms } }) };
  });
}

function disposePart({ graph, binding }: Part): void {
  binding.dispose();
  graph.dispose();
}

function bindIds(
  binding: IoBinding,
  name: string,
  { ids, shape }: { ids: readonly number[]; shape: readonly number[] },
): void {
  using memory = NativeMemory.allocate(ids.length * 8);
  memory.bigInt64().set(ids.map(BigInt));
  using tensor = OrtTensor.over(memory, 'int64', shape);
  binding.bindInput(name, tensor);
}

/** Concatenates rows, each padded on the right with token 0. No real token attends to padding. */
function padded(rows: readonly ScoringRow[], length: number): number[] {
  return rows.flatMap(({ tokens }) => [...tokens, ...Array.from({ length: length - tokens.length }, () => 0)]);
}

/** Moves the rows at these ascending positions to the front, in place. */
function gatherRows(values: Float32Array, positions: readonly number[], width: number): void {
  positions.forEach((position, row) => {
    if (position !== row) values.copyWithin(row * width, position * width, (position + 1) * width);
  });
}
