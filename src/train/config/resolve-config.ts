import { EspalierError, nearest } from '../../core/index.ts';
import { optimizerReads } from '../optimizer/create-optimizer.ts';
import { trainConfigSchema, type TrainConfig } from './train-config.ts';

export interface ConfigSources {
  /** The settings file, if there is one; its keys may be written `learning-rate` or `learningRate`. */
  readonly file?: { readonly path: string; readonly values: Readonly<Record<string, unknown>> };
  /** Options of the command line, by camelCase name. They win over the file. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/**
 * Puts settings together and checks all of them.
 * @throws EspalierError TRAIN_CONFIG_UNKNOWN, TRAIN_CONFIG_INVALID, TRAIN_CONFIG_CONFLICT, with the option's name
 */
export function resolveConfig({ file, flags }: ConfigSources): TrainConfig {
  const fromFile = file === undefined ? {} : knownKeys(file.path, file.values);
  const merged: Record<string, unknown> = { ...fromFile };
  for (const [key, value] of Object.entries(flags)) if (value !== undefined) merged[key] = value;
  const result = trainConfigSchema.safeParse(merged);
  if (!result.success) throw invalidValue(result.error.issues[0], merged);
  assertConsistent(result.data);
  return result.data;
}

/** `learningRate` is written `--learning-rate`, but `shuffle: false` is `--no-shuffle`. */
function optionName(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function knownKeys(path: string, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const known = Object.keys(trainConfigSchema.shape);
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    const name = key.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    if (!known.includes(name)) {
      const near = nearest(name, known);
      const hint = near === undefined ? '' : ` Did you mean ${optionName(near).slice(2)}?`;
      throw new EspalierError('TRAIN_CONFIG_UNKNOWN', { source: path, key, hint });
    }
    result[name] = value;
  }
  return result;
}

function invalidValue(
  issue:
    { readonly message: string; readonly path: readonly PropertyKey[]; readonly code?: string | undefined } | undefined,
  values: Readonly<Record<string, unknown>>,
): EspalierError {
  const key = String(issue?.path[0] ?? '');
  const value = values[key];
  const actual = value === undefined ? 'nothing' : JSON.stringify(value);
  return new EspalierError('TRAIN_CONFIG_INVALID', {
    option: optionName(key),
    expected: issue?.message ?? 'another value',
    actual,
  });
}

function assertConsistent(config: TrainConfig): void {
  if (config.full && config.initAdapter !== undefined) {
    conflict('--full', '--init-adapter', 'a full training has no adapter');
  }
  const given = adapterSettings.filter((key) => config[key] !== undefined).map(optionName);
  if (config.full && given.length > 0) conflict('--full', given.join(', '), 'they describe an adapter');
  assertAdapter(config);
  if (config.full && config.labels !== undefined) conflict('--full', '--labels', 'a new head is saved with an adapter');
  if (!config.full && config.dtype !== 'float32') conflict('--dtype', 'an adapter', 'adapters are saved in float32');
  if (config.evalSteps !== undefined && config.evalData === undefined) {
    conflict('--eval-steps', 'no --eval-data', 'there is nothing to evaluate on');
  }
  assertOptimizer(config);
}

const startSettings = ['rankPattern', 'alphaPattern', 'useRslora', 'useDora', 'initLoraWeights'] as const;
const targetSettings = ['targetModules', 'excludeModules', 'layersToTransform', 'modulesToSave'] as const;
const adapterSettings = ['rank', 'alpha', 'dropout', ...targetSettings, ...startSettings] as const;

function assertAdapter(config: TrainConfig): void {
  const { initAdapter, useDora = false, initLoraWeights } = config;
  const own = [...startSettings, 'excludeModules', 'layersToTransform'] as const;
  const given = own.filter((key) => config[key] !== undefined);
  if (initAdapter !== undefined && given.length > 0) {
    conflict('--init-adapter', given.map(optionName).join(', '), 'the adapter is what it is already');
  }
  const isDecomposed = initLoraWeights?.kind === 'pissa' || initLoraWeights?.kind === 'olora';
  if (useDora && isDecomposed) {
    const reason = 'what is saved is a difference, and a difference has no rows with a length of their own';
    conflict('--use-dora', `--init-lora-weights ${initLoraWeights.kind}`, reason);
  }
  if (config.layersToTransform !== undefined && !Array.isArray(config.targetModules)) {
    conflict('--layers-to-transform', 'no list of --target-modules', 'PEFT reads numbers of layers beside names only');
  }
}

const optimizerSettings = ['momentum', 'nesterov', 'beta1', 'beta2', 'epsilon'] as const;

function assertOptimizer(config: TrainConfig): void {
  const reads: readonly string[] = optimizerReads[config.optimizer];
  for (const key of optimizerSettings) {
    if (config[key] === undefined || reads.includes(key)) continue;
    const reason = `${config.optimizer} reads ${reads.map(optionName).join(', ')} only`;
    conflict(optionName(key), `--optimizer ${config.optimizer}`, reason);
  }
  if (config.nesterov === true && !config.momentum) {
    conflict('--nesterov', 'no --momentum', 'it looks ahead along the momentum');
  }
}

function conflict(first: string, second: string, reason: string): never {
  throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first, second, reason });
}
