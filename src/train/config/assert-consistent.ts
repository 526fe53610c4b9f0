import { EspalierError, option, optionList, optionText, type OptionText } from '../../core/index.ts';
import { optimizerReads } from '../optimizer/create-optimizer.ts';
import { defaultLearningRate, type TrainConfig } from './train-config.ts';

const startSettings = ['rankPattern', 'alphaPattern', 'useRslora', 'useDora', 'initLoraWeights'] as const;
const targetSettings = ['targetModules', 'excludeModules', 'layersToTransform', 'modulesToSave'] as const;
const adapterSettings = [
  'loraPlusRatio',
  'freezeA',
  'rank',
  'alpha',
  'dropout',
  ...targetSettings,
  ...startSettings,
] as const;

/**
 * Refuses settings that contradict each other.
 * @throws EspalierError TRAIN_CONFIG_CONFLICT
 */
export function assertConsistent(config: TrainConfig): void {
  if (config.full && config.initAdapter !== undefined) {
    conflict(option('full'), option('initAdapter'), 'a full training has no adapter');
  }
  const given = adapterSettings.filter((key) => config[key] !== undefined);
  if (config.full && given.length > 0) conflict(option('full'), optionList(given), 'they describe an adapter');
  assertAdapter(config);
  if (config.full && config.labels !== undefined) {
    conflict(option('full'), option('labels'), 'a new head is saved with an adapter');
  }
  if (config.full && config.saveAdapters === true) {
    conflict(option('full'), option('saveAdapters'), 'a full training has no adapter');
  }
  if (config.saveAdapters === true && config.saveSteps === undefined && !config.resume) {
    conflict(option('saveAdapters'), optionText('no ', option('saveSteps')), 'no checkpoint is written');
  }
  if (!config.full && config.dtype !== 'float32') {
    conflict(option('dtype'), 'an adapter', 'adapters are saved in float32');
  }
  if (config.evalSteps !== undefined && config.evalData === undefined) {
    conflict(option('evalSteps'), optionText('no ', option('evalData')), 'there is nothing to evaluate on');
  }
  if (config.sampleTokens !== undefined && config.samplePrompt === undefined) {
    conflict(option('sampleTokens'), optionText('no ', option('samplePrompt')), 'nothing is asked');
  }
  if (config.groupByLength === true && !config.shuffle) {
    conflict(option('groupByLength'), optionText('no ', option('shuffle')), 'the order would not be that of the file');
  }
  assertLocalSteps(config);
  assertEvaluated(config);
  assertSchedule(config);
  assertOptimizer(config);
}

/** Only what the mean of the weights means: the mean of the updates. */
function assertLocalSteps({ localSteps, full, freezeA = false, useDora = false }: TrainConfig): void {
  if (localSteps === undefined) return;
  if (!full && !freezeA) {
    const reason = 'the mean of the products BA is the product of the means only where A is the same everywhere';
    conflict(option('localSteps'), optionText('no ', option('freezeA')), reason);
  }
  if (useDora) {
    conflict(option('localSteps'), option('useDora'), 'an update of DoRA is not linear in what is trained');
  }
}

/** Settings that read the evaluations during a training. */
function assertEvaluated(config: TrainConfig): void {
  const needing = [
    config.earlyStopping === undefined ? undefined : option('earlyStopping'),
    config.result === 'best' ? optionText(option('result'), ' best') : undefined,
  ].find((each) => each !== undefined);
  if (needing !== undefined && config.evalSteps === undefined) {
    conflict(needing, optionText('no ', option('evalSteps')), 'there are no evaluations to compare');
  }
  if (config.minDelta !== undefined && config.earlyStopping === undefined) {
    conflict(option('minDelta'), optionText('no ', option('earlyStopping')), 'nothing reads it');
  }
}

function assertSchedule({ schedule, minLearningRate, warmupRatio, warmupSteps, ...config }: TrainConfig): void {
  if (minLearningRate !== undefined && schedule === 'constant') {
    conflict(option('minLearningRate'), optionText(option('schedule'), ' constant'), 'the rate does not fall');
  }
  const learningRate = config.learningRate ?? defaultLearningRate[config.full ? 'full' : 'lora'];
  if (minLearningRate !== undefined && minLearningRate > learningRate) {
    conflict(option('minLearningRate'), option('learningRate'), 'the rate would rise');
  }
  if (warmupRatio !== undefined && warmupSteps > 0) {
    conflict(option('warmupRatio'), option('warmupSteps'), 'both say how long the warm-up is');
  }
  const rates = Object.values(config.learningRatePattern ?? {});
  if (rates.some((rate) => !(rate > 0))) {
    const [expected, actual] = ['learning rates above 0', JSON.stringify(config.learningRatePattern)];
    throw new EspalierError('TRAIN_CONFIG_INVALID', { option: option('learningRatePattern'), expected, actual });
  }
}

function assertAdapter(config: TrainConfig): void {
  const { initAdapter, useDora = false, initLoraWeights } = config;
  const own = [...startSettings, 'excludeModules', 'layersToTransform'] as const;
  const given = own.filter((key) => config[key] !== undefined);
  if (initAdapter !== undefined && given.length > 0) {
    conflict(option('initAdapter'), optionList(given), 'the adapter is what it is already');
  }
  const isDecomposed = initLoraWeights?.kind === 'pissa' || initLoraWeights?.kind === 'olora';
  if (useDora && isDecomposed) {
    const second = optionText(option('initLoraWeights'), ` ${initLoraWeights.kind}`);
    const reason = 'what is saved is a difference, and a difference has no rows with a length of their own';
    conflict(option('useDora'), second, reason);
  }
  if (config.layersToTransform !== undefined && !Array.isArray(config.targetModules)) {
    const second = optionText('no list of ', option('targetModules'));
    conflict(option('layersToTransform'), second, 'PEFT reads numbers of layers beside names only');
  }
}

const optimizerSettings = ['momentum', 'nesterov', 'beta1', 'beta2', 'epsilon'] as const;

function assertOptimizer(config: TrainConfig): void {
  const reads: readonly string[] = optimizerReads[config.optimizer];
  for (const key of optimizerSettings) {
    if (config[key] === undefined || reads.includes(key)) continue;
    const reason = optionText(`${config.optimizer} reads `, optionList(reads), ' only');
    conflict(option(key), optionText(option('optimizer'), ` ${config.optimizer}`), reason);
  }
  if (config.nesterov === true && !config.momentum) {
    conflict(option('nesterov'), optionText('no ', option('momentum')), 'it looks ahead along the momentum');
  }
}

function conflict(first: OptionText, second: OptionText | string, reason: OptionText | string): never {
  throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first, second, reason });
}
