import { EspalierError, option, type OptionText } from '../../core/index.ts';
import { baseChecks, loadAdapter } from '../../adapter-files/index.ts';
import {
  assertPlain,
  initAdapter,
  initFromWeights,
  matchTargets,
  readSquaredNorms,
  type LoraConfig,
  type ModuleWeights,
  type TargetConfig,
} from '../../lora/index.ts';
import { readableGraph, type BaseModel } from '../../models/index.ts';
import { tensorOf, toFloat32, type TensorOf } from '../../tensor/index.ts';
import { trainDefaults, type TrainConfig } from '../config/train-config.ts';
import { wholeParameters, type WholeParameters } from './whole-parameters.ts';

/** An adapter at the beginning of a training. */
export interface AdapterStart {
  readonly lora: LoraConfig;
  readonly modules: ReadonlyMap<string, ModuleWeights>;
  readonly whole: WholeParameters;
  /** Only for DoRA: the squared length of each row of a module's weight. */
  readonly squaredNorms?: ReadonlyMap<string, TensorOf<'float32'>>;
  /** Whether the initial adapter is made from the base's weights. The saved adapter is then the difference from the initial one. */
  readonly subtracted?: boolean;
}

/**
 * Creates the adapter that the settings describe, or loads the adapter that is trained further.
 * @throws EspalierError TRAIN_CONFIG_CONFLICT, LORA_PARTS_NOT_APPLIED; the errors of `initAdapter`, `initFromWeights` and `loadAdapter`
 */
export async function adapterStart(base: BaseModel, config: TrainConfig): Promise<AdapterStart> {
  const start = config.initAdapter === undefined ? await fresh(base, config) : await given(base, config);
  if (start.lora.useDora !== true) return start;
  const { model, folder } = await readableGraph(base);
  const squaredNorms = await readSquaredNorms(model, [...start.modules.keys()], { folder });
  return { ...start, squaredNorms, modules: withMagnitudes(start.modules, squaredNorms) };
}

async function fresh(base: BaseModel, config: TrainConfig): Promise<AdapterStart> {
  const whole = wholeParameters(base, config.modulesToSave ?? [], config);
  const lora = loraConfigOf(base, config);
  const { kind } = config.initLoraWeights ?? { kind: 'uniform' };
  if (kind === 'uniform' || kind === 'gaussian') {
    return { lora, modules: await initAdapter(base.modules, lora, { seed: config.seed, distribution: kind }), whole };
  }
  const rounds = config.initLoraWeights?.kind === 'pissa' ? config.initLoraWeights.rounds : undefined;
  const start = kind === 'pissa' ? { method: kind, ...(rounds !== undefined && { rounds }) } : { method: kind };
  const modules = await initFromWeights(base.modules, lora, {
    start,
    ...(await readableGraph(base)),
    seed: config.seed,
  });
  return { lora, modules, whole, subtracted: true };
}

function loraConfigOf(base: BaseModel, config: TrainConfig): LoraConfig {
  const {
    rank = trainDefaults.rank,
    alpha = trainDefaults.alpha,
    dropout = trainDefaults.dropout,
    targetModules = trainDefaults.targetModules,
  } = config;
  const { excludeModules, layersToTransform, modulesToSave, rankPattern, alphaPattern } = config;
  const lora: LoraConfig = {
    rank,
    alpha,
    dropout,
    targetModules,
    ...(excludeModules && { excludeModules }),
    ...(layersToTransform && { layersToTransform }),
    ...(modulesToSave && { modulesToSave }),
    ...(rankPattern && { rankPattern }),
    ...(alphaPattern && { alphaPattern }),
    ...(config.useRslora === true && { useRslora: true }),
    ...(config.useDora === true && { useDora: true }),
  };
  const paths = new Set(matchTargets(base.modules, lora).modules);
  const isTransposed = base.modules.some(({ path, transposed }) => transposed === true && paths.has(path));
  return isTransposed ? { ...lora, fanInFanOut: true } : lora;
}

/** WHY another rank or alpha is refused: the loaded weights have a rank, and another alpha would change their effect. */
async function given(base: BaseModel, config: TrainConfig): Promise<AdapterStart> {
  const adapter = await loadAdapter(config.initAdapter ?? '', base.modules, await baseChecks(base, config));
  for (const key of ['rank', 'alpha'] as const) {
    const wanted = config[key];
    if (wanted === undefined || wanted === adapter.config[key]) continue;
    conflict(option(key), `the adapter has ${key} ${adapter.config[key]}, and ${wanted} was asked for`);
  }
  const targets = { ...adapter.config, targetModules: config.targetModules ?? adapter.config.targetModules };
  if (config.targetModules !== undefined && !sameModules(base, targets, [...adapter.modules.keys()])) {
    conflict(option('targetModules'), 'the adapter is for other modules');
  }
  const { modulesToSave = [] } = adapter.config;
  if (config.modulesToSave !== undefined && config.modulesToSave.join() !== modulesToSave.join()) {
    conflict(option('modulesToSave'), `the adapter has ${modulesToSave.join(', ') || 'none'}`);
  }
  const allowed = ['magnitudes', 'parameters'] as const;
  assertPlain(config.initAdapter ?? '', adapter, { place: 'a training', allowed });
  const whole = { seed: config.seed, ...(adapter.saved && { given: adapter.saved }) };
  const lora = { ...adapter.config, dropout: config.dropout ?? adapter.config.dropout };
  return { lora, modules: adapter.modules, whole: wholeParameters(base, modulesToSave, whole) };
}

/** Whether targets match exactly these modules. */
export function sameModules(base: BaseModel, targets: TargetConfig, paths: readonly string[]): boolean {
  const { modules } = matchTargets(base.modules, targets);
  return modules.length === paths.length && modules.every((path) => paths.includes(path));
}

/** A magnitude begins with the length of the row. A magnitude of a loaded adapter is kept. */
function withMagnitudes(
  modules: ReadonlyMap<string, ModuleWeights>,
  squaredNorms: ReadonlyMap<string, TensorOf<'float32'>>,
): Map<string, ModuleWeights> {
  return new Map(
    [...modules].map(([path, module]) => {
      const squares = squaredNorms.get(path);
      if (module.magnitude !== undefined || squares === undefined) return [path, module];
      const magnitude = tensorOf('float32', squares.shape, toFloat32(squares).map(Math.sqrt));
      return [path, { ...module, magnitude }];
    }),
  );
}

function conflict(second: OptionText, reason: string): never {
  throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: option('initAdapter'), second, reason });
}
