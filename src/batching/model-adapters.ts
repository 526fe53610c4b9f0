import {
  type AdapterArena,
  type AdapterFacts,
  AdapterRegistry,
  type HostWeights,
  type RegistryOptions,
} from '../routing/index.ts';
import { EspalierError, Pace } from '../core/index.ts';
import type { AdaptableModule } from '../ir/index.ts';
import { assertPlain, loraShapes, type Adapter } from '../lora/index.ts';
import { NativeMemory } from '../native/index.ts';
import { OrtTensor } from '../onnxruntime/index.ts';
import { byteLength, elementCount, typedArray, type TensorOf } from '../tensor/index.ts';
import type { BoundTensors } from './batch-runner.ts';
import type { InjectedModule } from './inject-served-adapters.ts';
import { planBuffers } from './memory/plan-buffers.ts';

/** A version of an adapter in host memory, and the tensors that its runs bind. */
export interface ResidentAdapter extends HostWeights {
  readonly memory: NativeMemory;
  /** Tensors by the name of the graph input. For modules that the adapter does not change, matrices of zeros; the base's own parameters. */
  readonly tensors: BoundTensors;
}

/** Number of elements written between two checks of the clock. */
const sliceElements = 16_384;

/** A parameter of the base that adapters may replace as a whole. It is an input of the graph with the same name. */
export interface ServedParameter {
  readonly name: string;
  /** The base's own value. */
  readonly tensor: TensorOf<'float32'>;
}

/** One matrix to place in memory, and the name of its graph input. */
interface Matrix {
  readonly input: string;
  readonly shape: readonly number[];
}

export interface ModelAdaptersOptions {
  readonly parameters?: readonly ServedParameter[];
  /** How many weights of adapters are kept in host memory, and for how long. */
  readonly residency?: RegistryOptions | undefined;
}

/** The adapters of one model: versions are immutable, leased by requests, and moved by compare-and-swap. */
export class ModelAdapters {
  readonly registry: AdapterRegistry<ResidentAdapter>;
  /** The modules that adapters can change. */
  readonly modules: readonly AdaptableModule[];
  readonly #arena: TensorArena;

  constructor(injected: readonly InjectedModule[], { parameters = [], residency }: ModelAdaptersOptions = {}) {
    this.modules = injected.map(({ module }) => module);
    this.#arena = new TensorArena(injected, parameters);
    this.registry = new AdapterRegistry(this.#arena, residency);
  }

  /** The tensors for runs of the base: matrices of zeros, and its own parameters. */
  get baseTensors(): BoundTensors {
    return this.#arena.base.tensors;
  }

  dispose(): void {
    this.registry.dispose();
    this.#arena.dispose();
  }
}

/** Runs bind the tensors of an adapter in host memory directly, so there is no activation. */
export class TensorArena implements AdapterArena<ResidentAdapter> {
  readonly base: ResidentAdapter;
  readonly #injected: ReadonlyMap<string, InjectedModule>;
  readonly #parameters: ReadonlyMap<string, ServedParameter>;

  constructor(injected: readonly InjectedModule[], parameters: readonly ServedParameter[]) {
    this.#injected = new Map(injected.map((each) => [each.module.path, each]));
    this.#parameters = new Map(parameters.map((each) => [each.name, each]));
    this.base = place([
      ...injected.flatMap((each) => matricesOf(each, each.module.groups ?? 1)),
      ...parameters.map(({ name, tensor }) => ({ input: name, shape: tensor.shape })),
    ]);
    for (const { name, tensor } of parameters) viewOf(this.base.tensors.get(name))?.set(typedArray(tensor));
  }

  /** @throws EspalierError LORA_PARTS_NOT_APPLIED, ADAPTER_TARGET_NOT_SERVED, SHAPE_MISMATCH */
  check(name: string, weights: Adapter): AdapterFacts {
    assertPlain(name, weights, { place: 'a batch', allowed: this.#parameters.size > 0 ? ['parameters'] : [] });
    const { modules, saved = new Map<string, TensorOf<'float32'>>() } = weights;
    const unserved = [
      ...[...modules.keys()].filter((path) => !this.#injected.has(path)),
      ...[...saved.keys()].filter((parameter) => !this.#parameters.has(parameter)),
    ];
    if (unserved.length > 0) {
      const served = [...this.#injected.keys(), ...this.#parameters.keys()].slice(0, 12).join(', ');
      throw new EspalierError('ADAPTER_TARGET_NOT_SERVED', { name, modules: unserved, served });
    }
    for (const [path, { rank, a, b }] of modules) {
      const injected = this.#injected.get(path);
      const [expectedA, expectedB] = injected === undefined ? [] : matricesOf(injected, rank);
      assertShape(`${path}.lora_A`, expectedA?.shape, a.shape);
      assertShape(`${path}.lora_B`, expectedB?.shape, b.shape);
    }
    for (const [parameter, { shape }] of saved) {
      assertShape(parameter, this.#parameters.get(parameter)?.tensor.shape, shape);
    }
    const rank = Math.max(1, ...[...modules.values()].map((module) => module.rank));
    const shapes = [...this.#matrices(weights)].map(({ shape }) => byteLength('float32', shape));
    return { rank, bytes: shapes.reduce((sum, bytes) => sum + bytes, 0), isAlone: false };
  }

  async prepare(_name: string, weights: Adapter): Promise<ResidentAdapter> {
    const own = place(this.#matrices(weights));
    const tensors = new Map([...this.base.tensors, ...own.tensors]);
    try {
      await this.#write(tensors, weights);
    } catch (error) {
      own.dispose();
      throw error;
    }
    return { ...own, tensors };
  }

  forget(): void {
    // The weights are in host memory only.
  }

  /** The matrices and parameters of an adapter. */
  #matrices({ modules, saved = new Map() }: Adapter): Matrix[] {
    const matrices = [...modules].flatMap(([path, { rank }]) => {
      const injected = this.#injected.get(path);
      return injected === undefined ? [] : matricesOf(injected, rank);
    });
    return [...matrices, ...Array.from(saved, ([input, { shape }]) => ({ input, shape }))];
  }

  async #write(tensors: BoundTensors, { modules, saved }: Adapter): Promise<void> {
    const pace = new Pace();
    for (const [path, { a, b, scaling }] of modules) {
      const injected = this.#injected.get(path);
      if (injected === undefined) continue;
      await fill(tensors.get(injected.a), a, { factor: 1, pace });
      await fill(tensors.get(injected.b), b, { factor: scaling, pace });
    }
    for (const [name, tensor] of saved ?? []) await fill(tensors.get(name), tensor, { factor: 1, pace });
  }

  dispose(): void {
    this.base.dispose();
  }
}

/** The shapes of A and B for a rank. */
function matricesOf({ module, a, b }: InjectedModule, rank: number): [Matrix, Matrix] {
  const shapes = loraShapes(module, rank);
  return [
    { input: a, shape: shapes.a },
    { input: b, shape: shapes.b },
  ];
}

function place(matrices: readonly Matrix[]): ResidentAdapter {
  const { buffers, bytes } = planBuffers(
    matrices.map(({ input, shape }) => ({ name: input, bytes: byteLength('float32', shape), first: 0, last: 0 })),
  );
  const memory = NativeMemory.allocate(bytes, { isFilled: true });
  const tensors = matrices.map(({ input, shape }, index) => {
    return [input, OrtTensor.over(memory, 'float32', shape, buffers[index]?.offset ?? 0)] as const;
  });
  const dispose = (): void => {
    for (const [, tensor] of tensors) tensor.dispose();
    memory.dispose();
  };
  return { memory, tensors: new Map(tensors), bytes, dispose };
}

function assertShape(name: string, expected: readonly number[] | undefined, actual: readonly number[]): void {
  if (expected?.join() === actual.join()) return;
  const shape = `[${expected?.join(', ') ?? ''}]`;
  throw new EspalierError('SHAPE_MISMATCH', { name, expected: shape, actual: `[${actual.join(', ')}]` });
}

function viewOf(tensor: OrtTensor | undefined): Float32Array | undefined {
  return tensor?.memory.float32(tensor.byteOffset, elementCount(tensor.shape));
}

async function fill(
  target: OrtTensor | undefined,
  source: TensorOf<'float32'>,
  { factor, pace }: { readonly factor: number; readonly pace: Pace },
): Promise<void> {
  const values = typedArray(source);
  const view = viewOf(target);
  for (let start = 0; start < values.length; start += sliceElements) {
    const end = Math.min(values.length, start + sliceElements);
    for (let i = start; view !== undefined && i < end; i++) view[i] = factor * (values[i] ?? 0);
    await pace.step();
  }
}
