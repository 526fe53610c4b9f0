import { AdapterRegistry, type AdapterStore } from '../control/index.ts';
import { EspalierError, Pace } from '../core/index.ts';
import type { AdaptableModule } from '../ir/index.ts';
import { assertPlain, loraShapes, type Adapter } from '../lora/index.ts';
import { NativeMemory } from '../native/index.ts';
import { OrtTensor } from '../runtime/index.ts';
import { byteLength, elementCount, typedArray, type TensorOf } from '../tensor/index.ts';
import type { BoundTensors } from './batch-runner.ts';
import type { InjectedModule } from './inject-adapters.ts';
import { planBuffers } from './memory/plan-buffers.ts';

/** Where an adapter's version lies: what a run of it binds beside the request's tensors. */
export interface ResidentAdapter {
  readonly memory: NativeMemory;
  /** By the name of the graph input; for what the adapter leaves alone, the base's: matrices of zeros, its own parameters. */
  readonly tensors: BoundTensors;
}

/** How much is written between two looks at the clock. */
const sliceElements = 16_384;

/** A parameter of the base that adapters may bring whole: the graph takes it as an input of its name. */
export interface ServedParameter {
  readonly name: string;
  /** The base's own. */
  readonly tensor: TensorOf<'float32'>;
}

/** One matrix to place: the graph input that it comes through. */
interface Matrix {
  readonly input: string;
  readonly shape: readonly number[];
}

/** The adapters of one model: versions are immutable, leased by requests, and moved by compare-and-swap. */
export class ModelAdapters {
  readonly registry: AdapterRegistry<ResidentAdapter>;
  /** What an adapter may change. */
  readonly modules: readonly AdaptableModule[];
  readonly #store: TensorStore;

  constructor(injected: readonly InjectedModule[], parameters: readonly ServedParameter[] = []) {
    this.modules = injected.map(({ module }) => module);
    this.#store = new TensorStore(injected, parameters);
    this.registry = new AdapterRegistry(this.#store);
  }

  /** What the base is run with: matrices of zeros, and its own parameters. */
  get baseTensors(): BoundTensors {
    return this.#store.base.tensors;
  }

  dispose(): void {
    this.#store.dispose();
  }
}

/** Each version has a memory of its own, which goes when its last lease and name are gone. */
class TensorStore implements AdapterStore<ResidentAdapter> {
  readonly base: ResidentAdapter;
  readonly #injected: ReadonlyMap<string, InjectedModule>;
  readonly #parameters: ReadonlyMap<string, ServedParameter>;
  readonly #resident = new Set<ResidentAdapter>();

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
  check(name: string, weights: Adapter): number {
    assertPlain(name, weights, { place: 'a batch', allowed: this.#parameters.size > 0 ? ['parameters'] : [] });
    const { modules, saved = new Map<string, TensorOf<'float32'>>() } = weights;
    const strange = [
      ...[...modules.keys()].filter((path) => !this.#injected.has(path)),
      ...[...saved.keys()].filter((parameter) => !this.#parameters.has(parameter)),
    ];
    if (strange.length > 0) {
      const served = [...this.#injected.keys(), ...this.#parameters.keys()].slice(0, 12).join(', ');
      throw new EspalierError('ADAPTER_TARGET_NOT_SERVED', { name, modules: strange, served });
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
    return Math.max(1, ...[...modules.values()].map(({ rank }) => rank));
  }

  reserve(_name: string, _rank: number, { modules, saved = new Map() }: Adapter): ResidentAdapter {
    const matrices = [...modules].flatMap(([path, { rank }]) => {
      const injected = this.#injected.get(path);
      return injected === undefined ? [] : matricesOf(injected, rank);
    });
    const own = place([...matrices, ...Array.from(saved, ([input, { shape }]) => ({ input, shape }))]);
    const adapter = { memory: own.memory, tensors: new Map([...this.base.tensors, ...own.tensors]) };
    this.#resident.add(adapter);
    return adapter;
  }

  async write(_name: string, { tensors }: ResidentAdapter, { modules, saved }: Adapter): Promise<void> {
    const pace = new Pace();
    for (const [path, { a, b, scaling }] of modules) {
      const injected = this.#injected.get(path);
      if (injected === undefined) continue;
      await fill(tensors.get(injected.a), a, { factor: 1, pace });
      await fill(tensors.get(injected.b), b, { factor: scaling, pace });
    }
    for (const [name, tensor] of saved ?? []) await fill(tensors.get(name), tensor, { factor: 1, pace });
  }

  release(adapter: ResidentAdapter): void {
    this.#resident.delete(adapter);
    for (const tensor of adapter.tensors.values()) if (tensor.memory === adapter.memory) tensor.dispose();
    adapter.memory.dispose();
  }

  dispose(): void {
    for (const adapter of [...this.#resident, this.base]) this.release(adapter);
  }
}

/** A's and B's shapes for a rank. */
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
  const memory = NativeMemory.allocate(bytes);
  const tensors = matrices.map(({ input, shape }, index) => {
    return [input, OrtTensor.over(memory, 'float32', shape, buffers[index]?.offset ?? 0)] as const;
  });
  return { memory, tensors: new Map(tensors) };
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
