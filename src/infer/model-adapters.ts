import { AdapterRegistry, type AdapterStore } from '../adapters/index.ts';
import { EspalierError, Pace } from '../core/index.ts';
import type { AdaptableModule } from '../ir/index.ts';
import { assertPlain, loraShapes, type AdapterWeights } from '../lora/index.ts';
import { NativeMemory, OrtTensor } from '../runtime/index.ts';
import { byteLength, typedArray, type TensorOf } from '../tensor/index.ts';
import type { BoundTensors } from './batch-runner.ts';
import type { InjectedModule } from './inject-adapters.ts';
import { planBuffers } from './memory/plan-buffers.ts';

/** Where an adapter's version lies: what a run of it binds beside the request's tensors. */
export interface ResidentAdapter {
  readonly memory: NativeMemory;
  /** By the name of the graph input; for modules that the adapter leaves alone, matrices of zeros. */
  readonly tensors: BoundTensors;
}

/** How much is written between two looks at the clock. */
const sliceElements = 16_384;

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

  constructor(injected: readonly InjectedModule[]) {
    this.modules = injected.map(({ module }) => module);
    this.#store = new TensorStore(injected);
    this.registry = new AdapterRegistry(this.#store);
  }

  /** What the base is run with: matrices of zeros. */
  get baseTensors(): BoundTensors {
    return this.#store.zeros.tensors;
  }

  dispose(): void {
    this.#store.dispose();
  }
}

/** Each version has a memory of its own, which goes when its last lease and name are gone. */
class TensorStore implements AdapterStore<ResidentAdapter> {
  readonly zeros: ResidentAdapter;
  readonly #injected: ReadonlyMap<string, InjectedModule>;
  readonly #resident = new Set<ResidentAdapter>();

  constructor(injected: readonly InjectedModule[]) {
    this.#injected = new Map(injected.map((each) => [each.module.path, each]));
    this.zeros = place(injected.flatMap((each) => matricesOf(each, each.module.groups ?? 1)));
  }

  /** @throws EspalierError LORA_PARTS_NOT_APPLIED, ADAPTER_TARGET_NOT_SERVED, SHAPE_MISMATCH */
  check(name: string, weights: AdapterWeights): number {
    assertPlain(name, weights, { place: 'a batch' });
    const { modules } = weights;
    const strange = [...modules.keys()].filter((path) => !this.#injected.has(path));
    if (strange.length > 0) {
      const served = [...this.#injected.keys()].slice(0, 12).join(', ');
      throw new EspalierError('ADAPTER_TARGET_NOT_SERVED', { name, modules: strange.join(', '), served });
    }
    for (const [path, { rank, a, b }] of modules) {
      const injected = this.#injected.get(path);
      const [expectedA, expectedB] = injected === undefined ? [] : matricesOf(injected, rank);
      assertShape(`${path}.lora_A`, expectedA, a.shape);
      assertShape(`${path}.lora_B`, expectedB, b.shape);
    }
    return Math.max(1, ...[...modules.values()].map(({ rank }) => rank));
  }

  reserve(_name: string, _rank: number, { modules }: AdapterWeights): ResidentAdapter {
    const matrices = [...modules].flatMap(([path, { rank }]) => {
      const injected = this.#injected.get(path);
      return injected === undefined ? [] : matricesOf(injected, rank);
    });
    const own = place(matrices);
    const adapter = { memory: own.memory, tensors: new Map([...this.zeros.tensors, ...own.tensors]) };
    this.#resident.add(adapter);
    return adapter;
  }

  async write(_name: string, { tensors }: ResidentAdapter, { modules }: AdapterWeights): Promise<void> {
    const pace = new Pace();
    for (const [path, { a, b, scaling }] of modules) {
      const injected = this.#injected.get(path);
      if (injected === undefined) continue;
      await fill(tensors.get(injected.a), a, { factor: 1, pace });
      await fill(tensors.get(injected.b), b, { factor: scaling, pace });
    }
  }

  release(adapter: ResidentAdapter): void {
    this.#resident.delete(adapter);
    for (const tensor of adapter.tensors.values()) if (tensor.memory === adapter.memory) tensor.dispose();
    adapter.memory.dispose();
  }

  dispose(): void {
    for (const adapter of [...this.#resident, this.zeros]) this.release(adapter);
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

function assertShape(name: string, expected: Matrix | undefined, actual: readonly number[]): void {
  if (expected?.shape.join() === actual.join()) return;
  const shape = `[${expected?.shape.join(', ') ?? ''}]`;
  throw new EspalierError('SHAPE_MISMATCH', { name, expected: shape, actual: `[${actual.join(', ')}]` });
}

async function fill(
  target: OrtTensor | undefined,
  source: TensorOf<'float32'>,
  { factor, pace }: { readonly factor: number; readonly pace: Pace },
): Promise<void> {
  const values = typedArray(source);
  const view = target?.memory.float32(target.byteOffset, values.length);
  for (let start = 0; start < values.length; start += sliceElements) {
    const end = Math.min(values.length, start + sliceElements);
    for (let i = start; view !== undefined && i < end; i++) view[i] = factor * (values[i] ?? 0);
    await pace.step();
  }
}
