import { EspalierError } from '../core/index.ts';
import { loadAdapter } from '../formats/index.ts';
import {
  initAdapter,
  matchTargets,
  savePeftAdapter,
  type LoraConfig,
  type ModuleWeights,
  type TargetConfig,
} from '../lora/index.ts';
import { modelName, type BaseModel } from '../models/index.ts';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import { trainDefaults, type TrainConfig } from './config/train-config.ts';
import type { ParameterArena } from './parameter-arena.ts';
import type { Trainable } from './trainable.ts';
import { wholeParameters, type WholeParameters } from './whole-parameters.ts';

const [suffixA, suffixB] = ['.lora_A', '.lora_B'];

/**
 * An adapter on the base: a new one, or one that is trained on.
 * @throws EspalierError LORA_TARGET_UNMATCHED, TRAIN_CONFIG_CONFLICT, and those of `loadAdapter`
 */
export async function adapterTrainable(base: BaseModel, config: TrainConfig): Promise<Trainable> {
  const { lora, modules, whole } =
    config.initAdapter === undefined ? await freshAdapter(base, config) : await givenAdapter(base, config);
  const { matched } = matchTargets(base.modules, lora);
  const written = { ...lora, ...taskOf(base, whole), targetModules: spelledOut(base, lora) };
  return {
    lora: [...modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling, dropout: lora.dropout })),
    whole: whole.names,
    dropout: lora.dropout,
    matched: matched.map((target) => ({ pattern: target.pattern, modules: target.modules.length })),
    initialize: async (arena) => {
      initialize(arena, modules, whole);
      await whole.initialize(arena);
    },
    mustMove: ({ name }) => name.endsWith(suffixB) || whole.names.has(name),
    decays: () => true,
    save: (dir, arena) => {
      const saved = whole.trained(arena);
      const content = { config: written, modules: trained(arena, modules), baseName: modelName(base.dir) };
      return savePeftAdapter(dir, { ...content, ...(saved && { saved }) });
    },
  };
}

interface AdapterStart {
  readonly lora: LoraConfig;
  readonly modules: ReadonlyMap<string, ModuleWeights>;
  readonly whole: WholeParameters;
}

/**
 * PEFT's word for what the base is for. WHY null for a classifier whose head is the base's: by its own word PEFT would look for the
 * head in the adapter.
 */
function taskOf({ task }: BaseModel, { names }: WholeParameters): Pick<LoraConfig, 'taskType'> {
  if (task === undefined || task === 'causal-lm') return {};
  return { taskType: task === 'classification' && names.size > 0 ? 'SEQ_CLS' : null };
}

async function freshAdapter(base: BaseModel, config: TrainConfig): Promise<AdapterStart> {
  const {
    rank = trainDefaults.rank,
    alpha = trainDefaults.alpha,
    dropout = trainDefaults.dropout,
    targetModules = trainDefaults.targetModules,
    modulesToSave = [],
  } = config;
  const whole = wholeParameters(base, modulesToSave);
  const lora = { rank, alpha, dropout, targetModules, ...(modulesToSave.length > 0 && { modulesToSave }) };
  return { lora, modules: await initAdapter(base.modules, lora, { seed: config.seed }), whole };
}

/** WHY no other rank or alpha: the weights that are there have one, and another alpha would change what they do. */
async function givenAdapter(base: BaseModel, config: TrainConfig): Promise<AdapterStart> {
  const dir = config.initAdapter ?? '';
  const adapter = await loadAdapter(dir, base.modules, { weights: base.weights });
  for (const key of ['rank', 'alpha'] as const) {
    const wanted = config[key];
    if (wanted === undefined || wanted === adapter.config[key]) continue;
    const reason = `the adapter has ${key} ${adapter.config[key]}, and ${wanted} was asked for`;
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: '--init-adapter', second: `--${key}`, reason });
  }
  if (
    config.targetModules !== undefined &&
    !sameModules(base, { ...adapter.config, targetModules: config.targetModules }, [...adapter.modules.keys()])
  ) {
    const reason = 'the adapter is for other modules';
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: '--init-adapter', second: '--target-modules', reason });
  }
  const { modulesToSave = [] } = adapter.config;
  if (config.modulesToSave !== undefined && config.modulesToSave.join() !== modulesToSave.join()) {
    const reason = `the adapter has ${modulesToSave.join(', ') || 'none'}`;
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: '--init-adapter', second: '--modules-to-save', reason });
  }
  const lora = { ...adapter.config, dropout: config.dropout ?? adapter.config.dropout };
  return { lora, modules: adapter.modules, whole: wholeParameters(base, modulesToSave, adapter.saved) };
}

/** `all-linear` as the names that it means, as PEFT writes it: other readers of the folder know names only. */
function spelledOut(base: BaseModel, lora: LoraConfig): LoraConfig['targetModules'] {
  if (lora.targetModules !== 'all-linear') return lora.targetModules;
  const { modules } = matchTargets(base.modules, lora);
  const names = [...new Set(modules.map((path) => path.slice(path.lastIndexOf('.') + 1)))];
  return sameModules(base, { ...lora, targetModules: names }, modules) ? names : lora.targetModules;
}

function sameModules(base: BaseModel, targets: TargetConfig, paths: readonly string[]): boolean {
  const { modules } = matchTargets(base.modules, targets);
  return modules.length === paths.length && modules.every((path) => paths.includes(path));
}

function initialize(arena: ParameterArena, modules: ReadonlyMap<string, ModuleWeights>, whole: WholeParameters): void {
  for (const entry of arena.entries.filter(({ name }) => !whole.names.has(name))) {
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
