import { EspalierError } from '../../core/index.ts';
import { runPasses, type Model } from '../../ir/index.ts';
import { assertPlain, listModules, loraPass, type ModuleWeights } from '../../lora/index.ts';
import { mergeAdapters, type WeightedAdapter } from '../scoring/merge-adapters.ts';
import type { TensorData } from '../../tensor/index.ts';

const place = 'a prediction';

/**
 * Injects adapters into a graph for prediction.
 *
 * If an adapter changes a module that the base has and the graph does not, that module is omitted. It belongs to another head and does
 * not affect the result of this graph.
 *
 * @returns the new inputs of the graph by name, with the tensors to bind to them
 * @throws EspalierError LORA_MODULES_INVALID if an adapter is for another base; LORA_PARTS_NOT_APPLIED for parts that cannot be combined
 *   if there are several adapters
 */
export async function applyAdapters(
  model: Model,
  adapters: readonly WeightedAdapter[],
): Promise<Map<string, TensorData>> {
  const there = new Set(listModules(model).map(({ path }) => path));
  const modules = (await together(adapters)).filter(({ path }) => there.has(path));
  runPasses(model, [loraPass({ modules })]);
  const names = new Set(model.graph.inputs.map(({ name }) => name));
  const tensors: [string, TensorData][] = [
    ...modules.flatMap(({ path, a, b, bias }): [string, TensorData][] => [
      [`${path}.lora_A`, a],
      [`${path}.lora_B`, b],
      ...(bias ? [[`${path}.lora_bias`, bias] as [string, TensorData]] : []),
    ]),
    ...savedOf(adapters),
  ];
  return new Map(tensors.filter(([name]) => names.has(name)));
}

/** The weights of the base that adapters replace as a whole. The graph must have them as inputs. */
export function savedOf(adapters: readonly WeightedAdapter[]): Map<string, TensorData> {
  const result = new Map<string, TensorData>();
  for (const [name, tensor] of adapters.flatMap(({ saved }) => [...(saved ?? [])])) {
    if (result.has(name)) {
      const parts = `the whole parameter ${name} twice`;
      throw new EspalierError('LORA_PARTS_NOT_APPLIED', { name: 'given', parts, place });
    }
    result.set(name, tensor);
  }
  return result;
}

interface InjectedModule extends Pick<ModuleWeights, 'rank' | 'scaling'> {
  readonly path: string;
  readonly a: TensorData;
  readonly b: TensorData;
  readonly bias?: TensorData;
  readonly hasBias: boolean;
}

/** One adapter is applied unchanged, with all kinds of modules. Several adapters are merged, and must be linear. */
async function together(adapters: readonly WeightedAdapter[]): Promise<readonly InjectedModule[]> {
  const [only, ...others] = adapters;
  if (only === undefined) return [];
  if (others.length > 0) {
    return (
      await mergeAdapters(adapters.map(({ modules, scale }) => ({ modules, ...(scale !== undefined && { scale }) })))
    ).map((module) => ({ ...module, scaling: 1, hasBias: module.bias !== undefined }));
  }
  assertPlain('given', only, { place, allowed: ['parameters', 'biases'] });
  const { modules, scale = 1 } = only;
  return [...modules].map(([path, { rank, scaling, a, b, bias }]) => {
    return { path, rank, scaling: scaling * scale, a, b, ...(bias && { bias }), hasBias: bias !== undefined };
  });
}
