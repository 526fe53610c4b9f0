import { join } from 'node:path';
import { EspalierError } from '../../../core/index.ts';
import { isOutputLayer, type AdaptableModule } from '../../../ir/index.ts';
import type { BaseModel, WeightRef } from '../../../models/index.ts';
import { openSafetensors, type DataType } from '../../../tensor/index.ts';
import {
  createBiasUpdate,
  createReplacement,
  createWeightUpdate,
  type MergedAdapter,
  type WeightUpdate,
} from './weight-update.ts';

/** A weight of the merged checkpoint: the source of its numbers, and the update that is added. */
export interface PlannedWeight {
  readonly name: string;
  /** File of the source, and of the result. */
  readonly location: string;
  readonly offset: number;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly update?: WeightUpdate;
}

export interface MergePlan {
  readonly weights: readonly PlannedWeight[];
  /** Whether the merged head has its own matrix. */
  readonly untied: boolean;
}

/**
 * Finds the weight of each module that the adapters change.
 *
 * @throws EspalierError MERGE_UNSUPPORTED with everything that cannot be merged
 */
export async function planMerge(base: BaseModel, adapters: readonly MergedAdapter[]): Promise<MergePlan> {
  const problems: string[] = [];
  const updates = new Map<string, WeightUpdate>();
  const added: PlannedWeight[] = [];
  if (!isCheckpoint(base)) problems.push('the base is no checkpoint of safetensors files');
  for (const module of base.modules) {
    const parts = adapters.flatMap(({ modules, scale }) => {
      const weights = modules.get(module.path);
      return weights === undefined ? [] : [{ weights, scale }];
    });
    if (parts.length === 0) continue;
    const problem = problemOf(module, parts);
    const own = base.weights.get(`${module.path}.weight`);
    const shared = own ?? tiedWeight(base, module);
    if (problem !== undefined) problems.push(problem);
    else if (shared === undefined) problems.push(`the checkpoint has no weight of its own for ${module.path}`);
    else {
      const update = await createWeightUpdate(module, parts);
      if (own !== undefined) updates.set(placeOf(own), update);
      else added.push({ ...shared, name: `${module.path}.weight`, update });
    }
  }
  problems.push(...planBiases({ base, adapters, updates }), ...planSaved({ base, adapters, updates, added }));
  const embeddings = tiedEmbeddingChanged(base, updates);
  if (embeddings !== undefined && added.length === 0)
    added.push({ ...embeddings, name: `${headOf(base)?.path}.weight` });
  if (problems.length > 0) throw new EspalierError('MERGE_UNSUPPORTED', { dir: base.dir, problems });
  const weights = await storedWeights(base, updates);
  const names = new Set(added.map(({ name }) => name)); // the file may contain a tied head all the same, unused
  return { weights: [...weights.filter(({ name }) => !names.has(name)), ...added], untied: added.length > 0 };
}

function isCheckpoint({ weights }: BaseModel): boolean {
  return weights.size > 0 && [...weights.values()].every(({ location }) => location.endsWith('.safetensors'));
}

interface Planning {
  readonly base: BaseModel;
  readonly adapters: readonly MergedAdapter[];
  readonly updates: Map<string, WeightUpdate>;
  readonly added: PlannedWeight[];
}

/** Plans the biases of `lora_bias`, which are added to those of the base. */
function planBiases({ base, adapters, updates }: Pick<Planning, 'base' | 'adapters' | 'updates'>): string[] {
  const parts = adapters.flatMap(({ modules, scale }) =>
    [...modules].flatMap(([path, { bias, scaling }]) => (bias ? [{ path, bias, factor: scaling * scale }] : [])),
  );
  return [...new Set(parts.map(({ path }) => path))].flatMap((path) => {
    const own = base.weights.get(`${path}.bias`);
    if (own === undefined) return [`the checkpoint has no bias of ${path}, to which that of lora_bias could be added`];
    updates.set(placeOf(own), createBiasUpdate(parts.filter((part) => part.path === path)));
    return [];
  });
}

/** Plans the parameters of adapters that replace those of the base. */
function planSaved({ base, adapters, updates, added }: Planning): string[] {
  const problems: string[] = [];
  const head = headOf(base);
  const saved = adapters.flatMap((adapter) =>
    [...(adapter.saved ?? [])].map(([name, tensor]) => ({ name, tensor, adapter })),
  );
  for (const { name, tensor, adapter } of saved) {
    const own = base.weights.get(name);
    const shared = head && name === `${head.path}.weight` ? tiedWeight(base, head) : undefined;
    const ref = own ?? shared;
    if (ref === undefined) problems.push(`the checkpoint has no ${name}, which is replaced whole`);
    else if (adapter.scale !== 1) problems.push(`${name} is replaced whole, which has one strength only`);
    else if (updates.has(placeOf(ref)) && own !== undefined) problems.push(`${name} is changed by two adapters`);
    else if (own !== undefined) updates.set(placeOf(own), createReplacement(tensor));
    else added.push({ ...ref, name, update: createReplacement(tensor) });
  }
  return problems;
}

/** Every tensor of the files by its name there, including those that nothing uses. */
async function storedWeights(base: BaseModel, updates: ReadonlyMap<string, WeightUpdate>): Promise<PlannedWeight[]> {
  const locations = [...new Set(Array.from(base.weights.values(), ({ location }) => location))].sort();
  const weights: PlannedWeight[] = [];
  for (const location of locations) {
    const { entries } = await openSafetensors(join(base.dir, location));
    for (const { name, offset, dtype, shape } of entries.values()) {
      const update = updates.get(placeOf({ location, offset }));
      weights.push({ name, location, offset, dtype, shape, ...(update && { update }) });
    }
  }
  return weights;
}

function placeOf({ location, offset }: Pick<WeightRef, 'location' | 'offset'>): string {
  return `${offset} ${location}`;
}

function headOf(base: BaseModel): AdaptableModule | undefined {
  return base.modules.find(({ path }) => isOutputLayer(path));
}

/** The embedding's matrix, for a head without its own. */
function tiedWeight(base: BaseModel, { path, in: width, out }: AdaptableModule): WeightRef | undefined {
  if (!isOutputLayer(path) || base.config.tiedEmbeddings !== true) return undefined;
  return [...base.weights.values()].find(({ shape }) => shape.join() === `${out},${width}`);
}

/** The embedding before the merge, if the head shares it and only the embedding changes. */
function tiedEmbeddingChanged(base: BaseModel, updates: ReadonlyMap<string, WeightUpdate>): WeightRef | undefined {
  const head = headOf(base);
  const shared = head && tiedWeight(base, head);
  return shared && updates.has(placeOf(shared)) ? shared : undefined;
}

type Part = Parameters<typeof createWeightUpdate>[1][number];

function problemOf(module: AdaptableModule, parts: readonly Part[]): string | undefined {
  const { path } = module;
  if ((module.groups ?? 1) > 1) return `${path} is a convolution in groups, whose A reads all channels`;
  const isDora = parts.some(({ weights }) => weights.magnitude !== undefined);
  if (!isDora) return undefined;
  if (parts.length > 1) return `${path} has an adapter with magnitudes (DoRA) and another`;
  if (parts[0]?.scale !== 1) return `${path} has an adapter with magnitudes (DoRA), which has one strength only`;
  return undefined;
}
