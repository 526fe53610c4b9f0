import { z } from 'zod';
import { EspalierError } from '../../../core/index.ts';
import { assertConfig, isExpertParameter, type LoraConfig, type WeightStart } from '../../../lora/index.ts';
import type { TrainableTokens } from './trainable-tokens.ts';

/** What is read from an adapter_config.json. */
export interface PeftConfig {
  readonly config: LoraConfig;
  /** The base on which the adapter was trained, according to its file: a name or a path. */
  readonly baseName: string | undefined;
  /** Tokens whose rows the adapter replaces; absent: none. */
  readonly tokens?: TrainableTokens;
  /** Whether each module has a bias behind its B. */
  readonly hasBias?: boolean;
  /** How the training began, if it began with a part of the base's weights; absent: the adapter fits the base as it is. */
  readonly start?: WeightStart;
}

const numbers = z.record(z.string(), z.number());
const defaultTask = 'CAUSAL_LM';

const names = z.union([z.string(), z.array(z.string())]);

/** The supported keys, with PEFT's defaults. */
const supported = z.object({
  peft_type: z.literal('LORA'),
  r: z.number().default(8),
  lora_alpha: z.number().default(8),
  lora_dropout: z.number().default(0),
  target_modules: z.union([z.string(), z.array(z.string())], { error: 'expected a list of names, or a pattern' }),
  target_parameters: z.array(z.string()).nullish(),
  rank_pattern: numbers.nullish(),
  alpha_pattern: numbers.nullish(),
  use_rslora: z.boolean().nullish(),
  use_dora: z.boolean().nullish(),
  fan_in_fan_out: z.boolean().nullish(),
  exclude_modules: names.nullish(),
  layers_to_transform: z.union([z.number(), z.array(z.number())]).nullish(),
  layers_pattern: names.nullish(),
  modules_to_save: z.array(z.string()).nullish(),
  task_type: z.string().nullish(),
  lora_bias: z.boolean().nullish(),
  trainable_token_indices: z.union([z.array(z.number()), z.record(z.string(), z.array(z.number()))]).nullish(),
  base_model_name_or_path: z.string().nullish(),
});

/** Keys that never affect results: bookkeeping, and the initialization of A and B. */
const indifferent = new Set([
  'auto_mapping',
  'corda_config',
  'eva_config',
  'inference_mode',
  'loftq_config',
  'lora_ga_config',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'revision',
  'runtime_config',
]);

/** Keys with further harmless values besides "off": PEFT's default, and initializations that do not change the base. */
const harmless: Readonly<Record<string, readonly unknown[]>> = {
  bias: ['none'],
  // WHY not corda, loftq, lora_ga, pissa_niter_N: they change the base's weights, in ways that cannot be computed again.
  init_lora_weights: [true, 'true', 'gaussian', 'orthogonal', 'eva', 'mica'],
};

/** Initializations that take a part of the base's weights away, which can be computed again from the base. */
function startOf(initialization: unknown): WeightStart | undefined {
  if (initialization === 'pissa') return { method: 'pissa' };
  return String(initialization).toLowerCase() === 'olora' ? { method: 'olora' } : undefined;
}

/**
 * Reads the content of an adapter_config.json, as PEFT 0.21 and older ones write it.
 *
 * @param path  what errors call the file
 * @throws EspalierError LORA_CONFIG_INVALID with every wrong value
 * @throws EspalierError LORA_CONFIG_UNSUPPORTED with every unsupported option that would change results
 */
export function parsePeftConfig(content: unknown, path: string): PeftConfig {
  const parsed = supported.safeParse(content);
  if (!parsed.success || typeof content !== 'object' || content === null) {
    const problems = parsed.error?.issues.map(
      ({ path: keys, message }) => `${keys.join('.') || 'content'}: ${message}`,
    );
    throw new EspalierError('LORA_CONFIG_INVALID', { path, problems: problems ?? ['no object'] });
  }
  const options = Object.entries(content).filter(([key, value]) => changesResults(key, value));
  if (options.length > 0) {
    const list = options.map(([key, value]) => `${key} = ${abridged(value)}`).join(', ');
    throw new EspalierError('LORA_CONFIG_UNSUPPORTED', { path, options: `${list}${adviceOn(options)}` });
  }
  const { data } = parsed;
  const config: LoraConfig = {
    rank: data.r,
    alpha: data.lora_alpha,
    dropout: data.lora_dropout,
    targetModules: targetsOf(data, path),
    rankPattern: data.rank_pattern ?? {},
    alphaPattern: data.alpha_pattern ?? {},
    useRslora: data.use_rslora ?? false,
    ...optionalParts(data),
  };
  assertConfig(config, path);
  const tokens = data.trainable_token_indices ?? [];
  const isNone = Object.keys(tokens).length === 0;
  const start = 'init_lora_weights' in content ? startOf(content.init_lora_weights) : undefined;
  return {
    config,
    baseName: data.base_model_name_or_path ?? undefined,
    ...(!isNone && { tokens }),
    ...(data.lora_bias === true && { hasBias: true }),
    ...(start && { start }),
  };
}

/**
 * The modules and the parameters of experts that an adapter changes, in one list.
 * @throws EspalierError LORA_CONFIG_UNSUPPORTED if the modules are a pattern
 */
function targetsOf(data: z.infer<typeof supported>, path: string): LoraConfig['targetModules'] {
  const { target_modules: modules, target_parameters: given } = data;
  const parameters = given ?? [];
  if (parameters.length === 0) return modules;
  if (typeof modules !== 'string') return [...modules, ...parameters.map(parameterName)];
  const options = `target_parameters with target_modules = ${abridged(modules)}, a pattern (supported with a list)`;
  throw new EspalierError('LORA_CONFIG_UNSUPPORTED', { path, options });
}

/** The name that finds a parameter of experts, and no module. PEFT takes ends of paths, so that `down_proj` is enough there. */
function parameterName(name: string): string {
  return /^(gate_up_proj|up_proj|down_proj)$/.test(name) ? `experts.${name}` : name;
}

function isOtherParameter(name: unknown): boolean {
  return typeof name !== 'string' || !isExpertParameter(parameterName(name));
}

/** The optional settings. Settings without an effect are omitted. */
function optionalParts(data: z.infer<typeof supported>): Partial<LoraConfig> {
  const {
    exclude_modules: exclude,
    layers_to_transform: layers,
    layers_pattern: pattern,
    modules_to_save: saved,
  } = data;
  return {
    ...(data.use_dora === true && { useDora: true }),
    ...(data.fan_in_fan_out === true && { fanInFanOut: true }),
    ...(isGiven(exclude) && { excludeModules: exclude }),
    ...(isGiven(layers) && { layersToTransform: layers }),
    ...(isGiven(pattern) && { layersPattern: pattern }),
    ...(isGiven(saved) && { modulesToSave: saved }),
    ...(data.task_type !== undefined && data.task_type !== defaultTask && { taskType: data.task_type }),
  };
}

/** An empty list or text means the same as null. */
function isGiven<T extends string | number | readonly unknown[]>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null && (typeof value === 'number' || value.length > 0);
}

/**
 * The content of an adapter_config.json, with the keys that old versions of PEFT know.
 *
 * WHY no more, not even `peft_version`: PEFT before 0.14 refuses a file with a key that it does not know.
 */
export function formatPeftConfig(config: LoraConfig, baseName: string | undefined): Record<string, unknown> {
  const { targetModules } = config;
  const parameters = typeof targetModules === 'string' ? [] : targetModules.filter(isExpertParameter);
  return {
    alpha_pattern: config.alphaPattern ?? {},
    auto_mapping: null,
    base_model_name_or_path: baseName ?? null,
    bias: 'none',
    fan_in_fan_out: config.fanInFanOut ?? false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: config.layersPattern ?? null,
    layers_to_transform: config.layersToTransform ?? null,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    modules_to_save: config.modulesToSave ?? null,
    peft_type: 'LORA',
    r: config.rank,
    rank_pattern: config.rankPattern ?? {},
    revision: null,
    target_modules:
      typeof targetModules === 'string' ? targetModules : targetModules.filter((name) => !isExpertParameter(name)),
    task_type: config.taskType === undefined ? defaultTask : config.taskType,
    // WHY only when set: PEFT knows them since 0.7, 0.9 and 0.14, and an older one that would compute otherwise should refuse.
    ...(config.useRslora === true ? { use_rslora: true } : {}),
    ...(config.useDora === true ? { use_dora: true } : {}),
    // PEFT knows it since 0.17.
    ...(parameters.length > 0 ? { target_parameters: parameters } : {}),
    ...(config.excludeModules === undefined ? {} : { exclude_modules: config.excludeModules }),
  };
}

/** An unknown key is accepted only if its value means "off". */
function changesResults(key: string, value: unknown): boolean {
  if (key === 'target_parameters' && Array.isArray(value)) return value.some(isOtherParameter);
  if (Object.hasOwn(supported.shape, key) || indifferent.has(key) || isOff(value)) return false;
  if (key === 'init_lora_weights' && startOf(value) !== undefined) return false;
  return !Object.hasOwn(harmless, key) || harmless[key]?.includes(value) !== true;
}

function isOff(value: unknown): boolean {
  if (value === null || value === false || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** What to do about options that PEFT can take out of an adapter, in brackets; '' if nothing is known. */
function adviceOn(options: readonly (readonly [key: string, value: unknown])[]): string {
  const initialization = options.find(([key]) => key === 'init_lora_weights')?.[1];
  if (/^(pissa_niter|corda|lora_ga)/.test(String(initialization))) {
    return ' (the training changed the base too, in a way that the base does not tell: save the adapter at the beginning of the training, and save the trained one in PEFT with path_initial_model_for_weight_conversion, which makes plain LoRA for the unchanged base; or merge it where it was trained)';
  }
  return options.every(([key]) => mergedByPeft.has(key))
    ? ' (merge the adapter into its base in PEFT with merge_and_unload, and serve the result as a base)'
    : '';
}

/** Options whose effect PEFT can add to the weights of the base. */
const mergedByPeft: ReadonlySet<string> = new Set(['bias', 'target_parameters', 'layer_replication']);

function abridged(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
