import type { Model, ModuleKind, Tape, Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { biasOf, doraProblem } from './dora-finish.ts';
import type { GraphModule } from '../targets/find-modules.ts';
import {
  addLoraInput,
  graftModules,
  loraConstant,
  reportOf,
  requireModules,
  type GraftPlace,
  type InjectionReport,
  type ModuleGraft,
} from './graft.ts';

/** The graph input f32 [mask_rows, rank_rows] that assigns rank rows to tokens. */
const maskInput = 'lora_mask';
const rankRows = 'lora_rank_rows';

export interface StackedOptions {
  /** DoRA: adds another input for each module that can have a magnitude. */
  readonly gains?: boolean;
  /** `lora_bias`: adds another input for each linear module. */
  readonly biases?: boolean;
}

/**
 /**
  * Lets a graph serve any number of adapters in one batch. The matrices of the adapters are stacked by rank rows. The readers of the
  * result y of a linear node or an embedding then read
  *
  *   y' = y + ((x·Aᵀ) ∘ mask)·B        y' = y + (A[:, ids]ᵀ ∘ mask)·B
  *
  * New graph inputs are `<path>.lora_A` f32 [R, in] and `<path>.lora_B` f32 [R, out] for each module. B is already scaled, and is the
  * transpose of PEFT's B. Another input is `lora_mask` f32 [tokens, R], or [1, R] if all tokens have the same adapters: 1 (or the
  * strength of the adapter) if the rank row belongs to an adapter of the token, otherwise 0. R may change from run to run.
  *
  * With gains, each linear module that can have DoRA also gets the input `<path>.lora_gain` f32 [R, out]. It is multiplied with the
  * module's own product and added to it. The first rank row of a DoRA adapter contains its gain less 1, and all other rows contain 0.
  * The rows of B of such an adapter are also scaled by its gain.
  *
  *   y' = y + (y − bias) ∘ (mask·gain) + ((x·Aᵀ) ∘ mask)·B
  *
  * With biases, each linear module also gets the input `<path>.lora_bias` f32 [R, out], and mask·lora_bias is added to its result. The
  * first rank row of an adapter contains its bias, already scaled, and all other rows contain 0.
  *
  * @param paths  paths of the modules, such as `model.layers.0.self_attn.q_proj`
  * @throws EspalierError LORA_MODULES_INVALID with all problems; the graph is then unchanged
  */
export function injectStackedLora(
  model: Model,
  paths: readonly string[],
  { gains = false, biases = false }: StackedOptions = {},
): InjectionReport {
  const kinds = ['lora_A', 'lora_B', ...(gains ? ['lora_gain'] : []), ...(biases ? ['lora_bias'] : [])];
  const names = paths.flatMap((path) => kinds.map((kind) => `${path}.${kind}`));
  const modules = requireModules(model, paths, {
    inputs: [...names, maskInput],
    problemsOf: (found) => found.flatMap(({ path, kind }) => (kind in updates ? [] : [`${path} is a convolution`])),
  });
  const mask = addLoraInput(model, maskInput, { owner: '*', shape: ['lora_mask_rows', rankRows] });
  const added = modules.map((module) => addStack(model, module, { mask, gains, biases }));
  graftModules(model, added);
  return reportOf(modules, [mask, ...added.flatMap(({ values }) => values)]);
}

interface AddedStack extends ModuleGraft {
  /** The graph inputs. */
  readonly values: readonly Value[];
}

function addStack(
  model: Model,
  module: GraphModule,
  { mask, gains, biases }: { readonly mask: Value; readonly gains: boolean; readonly biases: boolean },
): AddedStack {
  const { path, kind } = module;
  const a = addLoraInput(model, `${path}.lora_A`, { owner: path, shape: [rankRows, module.in] });
  const b = addLoraInput(model, `${path}.lora_B`, { owner: path, shape: [rankRows, module.out] });
  const gain =
    gains && doraProblem(module).length === 0
      ? addLoraInput(model, `${path}.lora_gain`, { owner: path, shape: [rankRows, module.out] })
      : undefined;
  const bias =
    biases && kind === 'linear'
      ? addLoraInput(model, `${path}.lora_bias`, { owner: path, shape: [rankRows, module.out] })
      : undefined;
  return {
    module,
    values: [a, b, ...(gain ? [gain] : []), ...(bias ? [bias] : [])],
    graft: (tape, place) => {
      const u = updates[kind]?.(tape, place, a);
      if (u === undefined) throw new TypeError(`${kind} modules were not refused`);
      const shape = u.shape ?? [undefined, rankRows];
      const own = tape.op('Mul', [u, mask], { name: 'mask', dtype: 'float32', shape });
      const product = tape.op('Gemm', [own, b, place.y], { name: 'B' });
      // WHY not within the product before: the mask may have one row for all tokens.
      const sum = bias ? tape.op('Add', [product, tape.op('Gemm', [mask, bias], { name: 'bias' })]) : product;
      return gain ? tape.op('Add', [sum, lengthened(tape, place, { module, mask, gain })]) : sum;
    },
  };
}

/** f32 [tokens, out]: (y − bias) ∘ (mask·gain). PEFT's magnitudes do not scale the bias. */
function lengthened(
  tape: Tape,
  place: GraftPlace,
  { module: { path, out }, mask, gain }: { readonly module: GraphModule; readonly mask: Value; readonly gain: Value },
): Value {
  const { site, part } = place;
  const bias = biasOf(tape, { site, ...(part && { part }) }, { owner: path });
  const product = bias ? tape.op('Sub', [site.y, bias]) : site.y;
  const rows = (): Value => loraConstant(tape, tensorOf('int64', [2], [-1, out]), { name: 'gain_rows', owner: path });
  const flat = place.y ? product : tape.op('Reshape', [product, rows()]);
  return tape.op('Mul', [flat, tape.op('Gemm', [mask, gain], { name: 'gain' })]);
}

/** x·Aᵀ for each kind of module, f32 [tokens, R]. */
const updates: Readonly<Partial<Record<ModuleKind, (tape: Tape, place: GraftPlace, a: Value) => Value>>> = {
  linear: (tape, { x, site }, a) =>
    tape.op('Gemm', [x, a], { name: 'A', attributes: { ...(site.turned && { transA: 1 }), transB: 1 } }),
  embedding: (tape, { x }, a) =>
    tape.op('Transpose', [tape.op('Gather', [a, x], { name: 'A', attributes: { axis: 1 } })], {
      attributes: { perm: [1, 0] },
    }),
};
