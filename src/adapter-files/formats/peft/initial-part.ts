/**
 * Adapters of PiSSA and OLoRA as PEFT saves them without conversion. Their training took an initial adapter away from the base's
 * weights, and PEFT does the same again whenever it loads them:
 *
 *   y = (W − s·B₀·A₀)·x + s·B·A·x
 *
 * The initial adapter is not in the file. It is computed from the weights again, and the difference of both is plain LoRA of twice the
 * rank for the base as it is. PEFT begins only linear modules so; other targets begin as usual.
 */
import { EspalierError } from '../../../core/index.ts';
import {
  initialPair,
  minusInitial,
  readBaseWeights,
  type ModuleWeights,
  type WeightStart,
} from '../../../lora/index.ts';
import type { BaseEmbeddings } from '../../../models/index.ts';
import type { TargetModule } from './peft-names.ts';
import type { AdapterPlan } from './peft-tensors.ts';

/** What to do where the base cannot tell. */
const conversion = 'convert the adapter (espalier adapter convert ADAPTER OUTPUT --base BASE), and use the result';

/** Of the random start vectors of the decomposition. The result does not depend on it. */
const seed = 1;

/**
 * Refuses an adapter whose initial part cannot be computed from the base.
 * @throws EspalierError LORA_CONFIG_UNSUPPORTED
 */
export function assertStart(
  start: WeightStart,
  { targets }: AdapterPlan,
  { path, embeddings }: { readonly path: string; readonly embeddings: BaseEmbeddings | undefined },
): void {
  if (embeddings === undefined) {
    const what = `without the base, with whose weights the training began: name the base, or first ${conversion}`;
    throw unsupported(start, path, what);
  }
  const conv = targets.find(({ kind }) => kind === 'conv');
  if (conv !== undefined) throw unsupported(start, path, `on ${conv.path}, which is a convolution`);
  const tied = targets.find((target) => target.path === embeddings.tiedHead);
  if (tied !== undefined) {
    const what = `on ${tied.path}, whose matrix is the embedding's too: the training changed both`;
    throw unsupported(start, path, what);
  }
  // WHY: PEFT takes the initial product away without turning it over, and so another part than the adapter began with.
  const turned = targets.find(({ transposed }) => transposed === true);
  if (start.method === 'olora' && turned !== undefined) {
    throw unsupported(start, path, `on ${turned.path}, whose weight is stored transposed`);
  }
}

/** The modules that such an adapter changes, with the ranks of the difference. */
export function differenceTargets(targets: readonly TargetModule[]): TargetModule[] {
  return targets.map((target) => (isBegun(target) ? { ...target, rank: 2 * target.rank } : target));
}

function isBegun({ kind = 'linear' }: Pick<TargetModule, 'kind'>): boolean {
  return kind === 'linear';
}

interface StartReading {
  readonly embeddings: BaseEmbeddings;
  /** What errors call the configuration. */
  readonly path: string;
  /** What errors call the tensors; those of the difference are added. */
  readonly names: Map<unknown, string>;
}

/**
 * What an adapter changed since its training began.
 * @throws EspalierError LORA_CONFIG_UNSUPPORTED if the weights of the base are quantized; the errors of `readBaseWeights`
 */
export async function sinceStart(
  modules: ReadonlyMap<string, ModuleWeights>,
  start: WeightStart,
  { embeddings, path, names }: StartReading,
): Promise<Map<string, ModuleWeights>> {
  const result = new Map(modules);
  const begun = [...modules].flatMap(([name, module]) => (isBegun(module) ? [name] : []));
  const { model, folder } = await embeddings.graph();
  for await (const weight of readBaseWeights(model, begun, { folder })) {
    const module = modules.get(weight.path);
    if (module === undefined) continue;
    if (weight.quantized) {
      const what = `on ${weight.path}, which is quantized here, and the training began with the weights before that. With the base that was not quantized, first ${conversion}`;
      throw unsupported(start, path, what);
    }
    const difference = minusInitial(module, await initialPair(weight, module, { start, seed }));
    for (const part of ['a', 'b'] as const) names.set(difference[part], names.get(module[part]) ?? weight.path);
    result.set(weight.path, difference);
  }
  return result;
}

function unsupported({ method }: WeightStart, path: string, what: string): EspalierError {
  return new EspalierError('LORA_CONFIG_UNSUPPORTED', { path, options: `init_lora_weights = "${method}" ${what}` });
}
