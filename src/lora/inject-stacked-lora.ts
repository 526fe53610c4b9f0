import type { Model, ModuleKind, Tape, Value } from '../ir/index.ts';
import type { GraphModule } from './find-modules.ts';
import {
  addLoraInput,
  graftModules,
  reportOf,
  requireModules,
  type GraftPlace,
  type InjectionReport,
  type ModuleGraft,
} from './graft.ts';

/** The graph input f32 [mask_rows, rank_rows] that says which rank rows belong to which token. */
const maskInput = 'lora_mask';
const rankRows = 'lora_rank_rows';

/**
 * Lets a graph serve any number of adapters in one batch. The adapters' matrices lie stacked, rank row by rank row; what
 * read the result y of a linear node or an embedding reads from now on
 *
 *   y' = y + ((x·Aᵀ) ∘ mask)·B        y' = y + (A[:, ids]ᵀ ∘ mask)·B
 *
 * New graph inputs: `<path>.lora_A` f32 [R, in] and `<path>.lora_B` f32 [R, out], B scaled already and turned over against
 * PEFT's, for each module; and one `lora_mask` f32 [tokens, R], or [1, R] where all tokens have the same adapters: 1 (or an
 * adapter's strength) where a rank row belongs to the token's adapters, else 0. R may change from run to run.
 *
 * @param paths  the modules, `model.layers.0.self_attn.q_proj` and so on
 * @throws EspalierError LORA_MODULES_INVALID with everything that is wrong; the graph is as it was then
 */
export function injectStackedLora(model: Model, paths: readonly string[]): InjectionReport {
  const names = paths.flatMap((path) => [`${path}.lora_A`, `${path}.lora_B`]);
  const modules = requireModules(model, paths, {
    inputs: [...names, maskInput],
    problemsOf: (found) => found.flatMap(({ path, kind }) => (kind in updates ? [] : [`${path} is a convolution`])),
  });
  const mask = addLoraInput(model, maskInput, { owner: '*', shape: ['lora_mask_rows', rankRows] });
  const added = modules.map((module) => addStack(model, module, mask));
  graftModules(model, added);
  return reportOf(modules, [mask, ...added.flatMap(({ a, b }) => [a, b])]);
}

interface AddedStack extends ModuleGraft {
  readonly a: Value;
  readonly b: Value;
}

function addStack(model: Model, module: GraphModule, mask: Value): AddedStack {
  const { path, kind } = module;
  const a = addLoraInput(model, `${path}.lora_A`, { owner: path, shape: [rankRows, module.in] });
  const b = addLoraInput(model, `${path}.lora_B`, { owner: path, shape: [rankRows, module.out] });
  return {
    module,
    a,
    b,
    graft: (tape, place) => {
      const u = updates[kind]?.(tape, place, a);
      if (u === undefined) throw new TypeError(`${kind} modules were not refused`);
      const shape = u.shape ?? [undefined, rankRows];
      const own = tape.op('Mul', [u, mask], { name: 'mask', dtype: 'float32', shape });
      return tape.op('Gemm', [own, b, place.y], { name: 'B' });
    },
  };
}

/** f32 [tokens, R]: how far each token goes along each rank row. */
const updates: Readonly<Partial<Record<ModuleKind, (tape: Tape, place: GraftPlace, a: Value) => Value>>> = {
  linear: (tape, { x, site }, a) =>
    tape.op('Gemm', [x, a], { name: 'A', attributes: { ...(site.turned && { transA: 1 }), transB: 1 } }),
  embedding: (tape, { x }, a) =>
    tape.op('Transpose', [tape.op('Gather', [a, x], { name: 'A', attributes: { axis: 1 } })], {
      attributes: { perm: [1, 0] },
    }),
};
