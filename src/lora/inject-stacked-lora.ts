import type { Model, Value } from '../ir/index.ts';
import { addLoraInput, graftModule, reportOf, requireModules, type InjectionReport } from './graft.ts';
import type { GraphModule } from './linear-nodes.ts';

/** The graph input f32 [mask_rows, rank_rows] that says which rank rows belong to which token. */
const maskInput = 'lora_mask';
const rankRows = 'lora_rank_rows';

/**
 * Lets a graph serve any number of adapters in one batch. The adapters' matrices lie stacked, rank row by rank row; what
 * read a linear node's result y reads from now on
 *
 *   y' = y + ((x·Aᵀ) ∘ mask)·B
 *
 * New graph inputs: `<path>.lora_A` f32 [R, in] and `<path>.lora_B` f32 [R, out], B scaled already and turned over against
 * PEFT's, for each module; and one `lora_mask` f32 [tokens, R], or [1, R] where all tokens have the same adapters: 1 (or an
 * adapter's strength) where a rank row belongs to the token's adapters, else 0. R may change from run to run.
 *
 * @param paths  the modules, `model.layers.0.self_attn.q_proj` and so on
 * @throws EspalierError LORA_MODULES_INVALID with everything that is wrong; the graph is as it was then
 */
export function injectStackedLora(model: Model, paths: readonly string[]): InjectionReport {
  const modules = requireModules(model, paths, { sharedInput: maskInput });
  const mask = addLoraInput(model, maskInput, { owner: '*', shape: ['lora_mask_rows', rankRows] });
  const inputs = modules.flatMap((module) => addStack(model, module, mask));
  return reportOf(modules, [mask, ...inputs]);
}

function addStack(model: Model, module: GraphModule, mask: Value): Value[] {
  const { path } = module;
  const a = addLoraInput(model, `${path}.lora_A`, { owner: path, shape: [rankRows, module.in] });
  const b = addLoraInput(model, `${path}.lora_B`, { owner: path, shape: [rankRows, module.out] });
  graftModule(model, module, (tape, x, y) => {
    const u = tape.op('Gemm', [x, a], { name: 'A', attributes: { transB: 1 } });
    const own = tape.op('Mul', [u, mask], { name: 'mask', dtype: 'float32', shape: u.shape ?? [undefined, rankRows] });
    return tape.op('Gemm', [own, b, y], { name: 'B' });
  });
  return [a, b];
}
