import { float, Tape, type Model, type Node, type Value } from '../../ir/index.ts';
import type { GraphModule } from '../targets/find-modules.ts';
import type { ModuleSite } from '../targets/module-sites.ts';
import type { LoraModule } from './inject-lora.ts';
import { loraKey, sharedOwner } from './lora-keys.ts';

/**
 * Elements of a module's two matrices at most, for one lane. WHY a limit: in each pass the matrices of all lanes are copied together and
 * their gradients apart, which a large adapter takes longer for than for nodes of its own, and which takes its memory once more.
 */
const mostElements = 2 ** 17;

/** The matrices of a module in each lane. */
export interface StackedMatrices {
  readonly a: readonly Value[];
  readonly b: readonly Value[];
  readonly scaling: number;
}

/** Whether the adapters of a module can be one product for all lanes: they are of one form, and plain. */
export function canStack(
  module: Pick<GraphModule, 'kind' | 'in' | 'out'>,
  lanes: readonly (LoraModule | undefined)[],
): boolean {
  const [first] = lanes;
  if (first === undefined || lanes.length < 2 || module.kind !== 'linear') return false;
  const isPlain = (lane: LoraModule | undefined): boolean =>
    lane !== undefined &&
    lane.rank === first.rank &&
    lane.scaling === first.scaling &&
    (lane.dropout ?? 0) === 0 &&
    lane.dora === undefined &&
    lane.initial === undefined &&
    lane.hasBias !== true;
  return (module.in + module.out) * first.rank <= mostElements && lanes.every(isPlain);
}

/**
 * Computes the updates of all lanes by products of batches, one matrix of the batch for each lane, where every lane has the same number of
 * rows:
 *
 *   X [lanes · rows, in] as [lanes, rows, in]        y + scaling · (X · Aᵀ) · Bᵀ        A [lanes, rank, in], B [lanes, out, rank]
 *
 * WHY: a small product takes less time than what a node costs, and each lane has nodes of its own otherwise, in both directions.
 */
export class LaneStacker {
  readonly #model: Model;
  readonly #lanes: number;
  /** The symbolic dimension of which each lane has the same part. */
  readonly #dim: string;
  readonly #known = new Map<Value, Value>();
  #isUsed = false;

  constructor(model: Model, { lanes, dim }: { readonly lanes: number; readonly dim: string }) {
    this.#model = model;
    this.#lanes = lanes;
    this.#dim = dim;
  }

  /** Whether the graph has such a product, so that every lane must have the same number of rows. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** Whether a module's rows at this place are those of which each lane has the same number. */
  fits({ x, y, turned, kind }: ModuleSite): boolean {
    const isPlain = [x, y].every(({ dtype, shape }) => dtype === 'float32' && shape?.length === 2);
    return kind === 'linear' && !turned && isPlain && x.shape?.[0] === this.#dim && y.shape?.[0] === this.#dim;
  }

  /** @returns the sum of y and the update */
  stack(
    { x, y }: Pick<ModuleSite, 'x' | 'y'>,
    { a, b, scaling }: StackedMatrices,
    { path, after }: { readonly path: string; readonly after: Node },
  ): Value {
    this.#isUsed = true;
    const rows = this.#rowsOf(x, after);
    const tape = this.#tape({ scope: `${path}/lora`, owner: path, after: rows.after });
    const matrices = [a, b].map((lanes) => {
      const [height = 0, width = 0] = (lanes[0]?.shape ?? []).map(Number);
      const joined = tape.op('Concat', lanes, { attributes: { axis: 0 }, name: 'lanes' });
      return tape.op('Reshape', [joined, tape.int64s([this.#lanes, height, width])]);
    });
    const product = (left: Value, right: Value | undefined, alpha: number): Value =>
      tape.op('FusedMatMul', [left, right], {
        domain: 'com.microsoft',
        attributes: { transB: 1, alpha: float(alpha) },
      });
    const update = product(product(rows.value, matrices[0], 1), matrices[1], scaling);
    const width = Number(y.shape?.[1]);
    const flat = tape.op('Reshape', [update, tape.int64s([-1, width])], { shape: y.shape ?? [] });
    return tape.op('Add', [y, flat], { name: 'stacked', shape: y.shape ?? [] });
  }

  /** x f32 [rows, in] as [lanes, rows of each, in]. A value that several modules read is divided once. */
  #rowsOf(x: Value, after: Node): { readonly value: Value; readonly after: Node } {
    const known = this.#known.get(x);
    if (known !== undefined) return { value: known, after };
    const width = Number(x.shape?.[1]);
    const tape = this.#tape({ scope: `${x.name}/lora`, owner: sharedOwner, after });
    const value = tape.op('Reshape', [x, tape.int64s([this.#lanes, -1, width])], {
      shape: [this.#lanes, `${this.#dim}.each`, width],
    });
    this.#known.set(x, value);
    return { value, after: value.producer ?? after };
  }

  #tape({ scope, owner, after }: { scope: string; owner: string; after: Node }): Tape {
    return new Tape(this.#model, { scope, metadata: { [loraKey]: owner }, insertAfter: after });
  }
}
