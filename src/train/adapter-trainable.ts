import { EspalierError } from '../core/index.ts';
import { loadAdapter } from '../formats/index.ts';
import { initAdapter, matchTargets, savePeftAdapter, type LoraConfig, type ModuleWeights } from '../lora/index.ts';
import { modelName, type BaseModel } from '../models/index.ts';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import { trainDefaults, type TrainConfig } from './config/train-config.ts';
import type { ParameterArena } from './parameter-arena.ts';
import type { Trainable } from './trainable.ts';

const [suffixA, suffixB] = ['.lora_A', '.lora_B'];

/**
 * An adapter on the base: a new one, or one that is trained on.
 * @throws EspalierError LORA_TARGET_UNMATCHED, TRAIN_CONFIG_CONFLICT, and those of `loadAdapter`
 */
export async function adapterTrainable(base: BaseModel, config: TrainConfig): Promise<Trainable> {
  const { lora, modules } =
    config.initAdapter === undefined ? await freshAdapter(base, config) : await givenAdapter(base, config);
  const { matched } = matchTargets(base.modules, lora.targetModules);
  const written = { ...lora, targetModules: spelledOut(base, lora.targetModules) };
  return {
    lora: [...modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling, dropout: lora.dropout })),
    dropout: lora.dropout,
    matched: matched.map((target) => ({ pattern: target.pattern, modules: target.modules.length })),
    initialize: async (arena) => initialize(arena, modules),
    mustMove: ({ name }) => name.endsWith(suffixB),
    decays: () => true,
    save: (dir, arena) =>
      savePeftAdapter(dir, {
        config: written,
        modules: trained(arena, modules),
        baseName: modelName(base.dir),
      }),
  };
}

interface AdapterStart {
  readonly lora: LoraConfig;
  readonly modules: ReadonlyMap<string, ModuleWeights>;
}

async function freshAdapter(base: BaseModel, config: TrainConfig): Promise<AdapterStart> {
  const {
    rank = trainDefaults.rank,
    alpha = trainDefaults.alpha,
    dropout = trainDefaults.dropout,
    targetModules = trainDefaults.targetModules,
  } = config;
  const lora: LoraConfig = { rank, alpha, dropout, targetModules };
  return { lora, modules: await initAdapter(base.modules, lora, { seed: config.seed }) };
}

/** WHY no other rank or alpha: the weights that are there have one, and another alpha would change what they do. */
async function givenAdapter(base: BaseModel, config: TrainConfig): Promise<AdapterStart> {
  const dir = config.initAdapter ?? '';
  const adapter = await loadAdapter(dir, base.modules);
  for (const key of ['rank', 'alpha'] as const) {
    const wanted = config[key];
    if (wanted === undefined || wanted === adapter.config[key]) continue;
    const reason = `the adapter has ${key} ${adapter.config[key]}, and ${wanted} was asked for`;
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: '--init-adapter', second: `--${key}`, reason });
  }
  if (config.targetModules !== undefined && !sameModules(base, config.targetModules, [...adapter.modules.keys()])) {
    const reason = 'the adapter is for other modules';
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: '--init-adapter', second: '--target-modules', reason });
  }
  return { lora: { ...adapter.config, dropout: config.dropout ?? adapter.config.dropout }, modules: adapter.modules };
}

/** `all-linear` as the names that it means, as PEFT writes it: other readers of the folder know names only. */
function spelledOut(base: BaseModel, targets: LoraConfig['targetModules']): LoraConfig['targetModules'] {
  if (targets !== 'all-linear') return targets;
  const { modules } = matchTargets(base.modules, targets);
  const names = [...new Set(modules.map((path) => path.slice(path.lastIndexOf('.') + 1)))];
  return sameModules(base, names, modules) ? names : targets;
}

function sameModules(base: BaseModel, targets: LoraConfig['targetModules'], paths: readonly string[]): boolean {
  const { modules } = matchTargets(base.modules, targets);
  return modules.length === paths.length && modules.every((path) => paths.includes(path));
}

function initialize(arena: ParameterArena, modules: ReadonlyMap<string, ModuleWeights>): void {
  for (const entry of arena.entries) {
    const weights = modules.get(entry.name.slice(0, -suffixA.length));
    if (weights === undefined) throw new EspalierError('TRAIN_NO_PARAMETER', { name: entry.name });
    arena.view(entry).set(toFloat32(entry.name.endsWith(suffixA) ? weights.a : weights.b));
  }
}

/** The modules with what the arena holds now, copied. */
function trained(arena: ParameterArena, modules: ReadonlyMap<string, ModuleWeights>): Map<string, ModuleWeights> {
  const entries = new Map(arena.entries.map((entry) => [entry.name, entry]));
  const tensor = (name: string): ModuleWeights['a'] => {
    const entry = entries.get(name);
    if (entry === undefined) throw new EspalierError('TRAIN_NO_PARAMETER', { name });
    return tensorOf('float32', entry.shape, arena.view(entry));
  };
  return new Map(
    [...modules].map(([path, { rank, scaling }]) => [
      path,
      { rank, scaling, a: tensor(path + suffixA), b: tensor(path + suffixB) },
    ]),
  );
}
