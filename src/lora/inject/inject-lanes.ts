import { Tape, type Model, type Node, type Value } from '../../ir/index.ts';
import { addSharedDropout } from './dropout.ts';
import { addLoraInput, graftLanes, reportOf, requireModules, type InjectionReport, type SplitRows } from './graft.ts';
import {
  addAdapter,
  inputNames,
  misfit,
  named,
  problemsOf,
  type AddedAdapter,
  type InjectOptions,
  type LoraModule,
} from './inject-lora.ts';
import type { ModuleSite } from '../targets/module-sites.ts';
import { loraKey, sharedOwner } from './lora-keys.ts';
import { canStack, LaneStacker } from './stack-lanes.ts';

/** The adapter of one lane. */
export interface LaneAdapter extends InjectOptions {
  readonly adapter: string;
}

export interface LanesReport extends InjectionReport {
  /** The inputs i64 [lanes] with the number of rows of each lane, by the symbolic dimension that they divide. */
  readonly rowInputs: ReadonlyMap<string, string>;
  /** Whether every lane must have the same number of rows in `equalRows`. */
  readonly needsEqualRows: boolean;
}

export interface InjectLanesOptions {
  /** A symbolic dimension of which each lane can be given the same part, so that all lanes of a module are one product. Default: none. */
  readonly equalRows?: string | undefined;
}

/** The input with the number of rows of each lane, for a symbolic dimension. */
function laneRowsInput(dim: string): string {
  return `lora_lane_rows.${dim}`;
}

/**
 * Adds several adapters to a graph whose rows lie side by side: the first rows have the first adapter, the next ones the second, and so
 * on. Every module's own product is computed once for all rows. Each lane then computes as `injectLora` does, on its rows alone:
 *
 *   x = [x₁; x₂; …]        y' = [y₁ + scaling₁ · (x₁·A₁ᵀ)·B₁ᵀ; y₂ + scaling₂ · (x₂·A₂ᵀ)·B₂ᵀ; …]
 *
 * A lane may have any ranks, modules and kind of adapter. The names of its inputs end in `.<adapter>`. How many rows a lane has is an
 * input for each symbolic dimension of rows, `lora_lane_rows.<dimension>` i64 [lanes]; it may be 0. Where lanes of one form have equally
 * many rows, they are computed as one product of batches (`stack-lanes.ts`).
 *
 * WHY no mask over joined ranks, as in serving: 0 · NaN is NaN, so that one lane that is not finite would destroy the gradients of all.
 * And joined, each row is multiplied with the ranks of all lanes.
 *
 * @throws EspalierError LORA_MODULES_INVALID with all problems; the graph is then unchanged
 */
export function injectLanes(
  model: Model,
  adapters: readonly LaneAdapter[],
  { equalRows }: InjectLanesOptions = {},
): LanesReport {
  const paths = [...new Set(adapters.flatMap(({ modules }) => modules.map(({ path }) => path)))];
  const wanted = adapters.map(({ modules }) => new Map(modules.map((module) => [module.path, module])));
  const modules = requireModules(model, paths, {
    inputs: adapters.flatMap((one) => inputNames(one, hasDropout(one))),
    problemsOf: (found) => [
      ...adapters.flatMap((one) => one.modules.flatMap(problemsOf)),
      ...wanted.flatMap((each) => found.flatMap((module) => misfit(module, each))),
    ],
  });
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const added = adapters.map((one) => {
    const { adapter, dropoutSeed: seed = 0 } = one;
    const drops = hasDropout(one)
      ? addSharedDropout(model, { adapter, named: (input) => named(input, adapter) })
      : undefined;
    const own = new Map<string, AddedAdapter>();
    for (const settings of one.modules) {
      const module = byPath.get(settings.path);
      if (module !== undefined) own.set(settings.path, addAdapter(model, module, { settings, drops, seed, adapter }));
    }
    return { adapter, own, inputs: drops?.inputs ?? [] };
  });
  const rows = new RowSplitter(model, adapters.length);
  // WHY not with dropout: its keys are those of a lane's own rows.
  const stacker =
    equalRows === undefined || adapters.some(hasDropout)
      ? undefined
      : new LaneStacker(model, { lanes: adapters.length, dim: equalRows });
  const grafts = modules.map((module) => {
    const { path } = module;
    const settings = wanted.map((each) => each.get(path));
    const updates = added.map(({ own }) => own.get(path));
    const together = (site: ModuleSite, after: Node): Value | undefined => {
      if (stacker === undefined || !stacker.fits(site)) return undefined;
      const [a, b] = [0, 1].map((index) => updates.flatMap((update) => update?.values[index] ?? []));
      const { scaling = 1 } = settings[0] ?? {};
      return stacker.stack(site, { a: a ?? [], b: b ?? [], scaling }, { path, after });
    };
    return {
      module,
      lanes: added.map(({ adapter }, lane) => ({ adapter, update: updates[lane] })),
      ...(canStack(module, settings) && { together }),
    };
  });
  graftLanes(model, grafts, rows.split);
  const inputs = added.flatMap(({ own, inputs: shared }) => [
    ...shared,
    ...[...own.values()].flatMap(({ values }) => values),
  ]);
  return { ...reportOf(modules, inputs), rowInputs: rows.inputs, needsEqualRows: stacker?.isUsed ?? false };
}

function hasDropout({ modules }: { readonly modules: readonly LoraModule[] }): boolean {
  return modules.some(({ dropout = 0 }) => dropout > 0);
}

/** Splits values along their rows. A value that several modules read is split once. */
class RowSplitter {
  readonly inputs = new Map<string, string>();
  readonly #model: Model;
  readonly #lanes: number;
  readonly #known = new Map<Value, readonly Value[]>();

  constructor(model: Model, lanes: number) {
    this.#model = model;
    this.#lanes = lanes;
  }

  readonly split: SplitRows = (value, after) => {
    const known = this.#known.get(value);
    if (known !== undefined) return { parts: known, after };
    const [dim, ...rest] = value.shape ?? [];
    if (typeof dim !== 'string') throw new TypeError(`${value.name} has no rows that lanes could share`);
    if (this.#lanes === 1) return { parts: [value], after };
    const { parts, last } = this.#record(value, { dim, after });
    for (const [lane, part] of parts.entries()) part.shape = [`${dim}.${lane}`, ...rest];
    this.#known.set(value, parts);
    return { parts, after: last };
  };

  #record(value: Value, { dim, after }: { dim: string; after: Node }): { parts: readonly Value[]; last: Node } {
    const tape = new Tape(this.#model, {
      scope: `${value.name}/lora`,
      metadata: { [loraKey]: sharedOwner },
      insertAfter: after,
    });
    const parts = tape.ops('Split', [value, this.#rowsOf(dim)], { attributes: { axis: 0 }, outputs: this.#lanes });
    const last = parts[0]?.producer;
    if (last === undefined) throw new TypeError('unreachable: a split has results');
    return { parts, last };
  }

  #rowsOf(dim: string): Value {
    const name = laneRowsInput(dim);
    const known = this.#model.graph.value(name);
    if (known !== undefined) return known;
    this.inputs.set(dim, name);
    return addLoraInput(this.#model, name, { owner: sharedOwner, dtype: 'int64', shape: [this.#lanes] });
  }
}
