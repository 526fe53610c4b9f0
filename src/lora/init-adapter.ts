import { breathe, createRandom } from '../core/index.ts';
import { typedArray, zerosOf } from '../tensor/index.ts';
import type { AdaptableModule } from '../ir/index.ts';
import type { ModuleWeights } from './adapter.ts';
import { assertConfig, settingsOf, type LoraConfig, type ModuleSettings } from './lora-config.ts';
import { loraShapes } from './lora-shapes.ts';
import { matchTargets } from './targets/match-targets.ts';

const numbersPerSlice = 2048;

/** The distribution of the initial values of A. */
export type Distribution = 'uniform' | 'gaussian';

export interface InitOptions {
  readonly seed: number;
  /** Default: `uniform`. */
  readonly distribution?: Distribution;
}

/**
 * Creates an adapter that does not change the base yet, with PEFT's initial values: A is uniform within ±1/√(number of inputs of a
 * row), or normal with a deviation of 1/rank; B is zero. For an embedding A is zero and B is normal. Each module has its own random
 * stream, so its numbers do not depend on the other modules.
 *
 * @throws EspalierError LORA_CONFIG_INVALID, LORA_TARGET_UNMATCHED, LORA_FILTER_UNMATCHED, LORA_PATTERN_INVALID
 * @see He et al. 2015, eq. 10 with a = √5
 */
export async function initAdapter(
  modules: readonly AdaptableModule[],
  config: LoraConfig,
  { seed, distribution = 'uniform' }: InitOptions,
): Promise<Map<string, ModuleWeights>> {
  assertConfig(config);
  const settings = settingsOf(config, matchTargets(modules, config).modules);
  const result = new Map<string, ModuleWeights>();
  for (const module of modules) {
    const setting = settings.get(module.path);
    if (setting !== undefined) result.set(module.path, await initModule(module, setting, { seed, distribution }));
  }
  return result;
}

async function initModule(
  module: AdaptableModule,
  setting: ModuleSettings,
  { seed, distribution }: Required<InitOptions>,
): Promise<ModuleWeights> {
  const { path, kind, experts } = module;
  const shapes = loraShapes(module, setting.rank);
  const [a, b] = [zerosOf('float32', shapes.a), zerosOf('float32', shapes.b)];
  const matrix = kind === 'embedding' ? 'B' : 'A';
  const random = createRandom(seed, `lora_${matrix}/${path}`);
  if (kind === 'embedding') await fill(typedArray(b), () => random.normal());
  else if (distribution === 'gaussian') await fill(typedArray(a), () => random.normal() / setting.rank);
  else {
    // Each row of A has a part for each expert, with the inputs of one.
    const inputs = shapes.a.slice(1).reduce((product, extent) => product * extent, 1) / (module.experts ?? 1);
    const bound = 1 / Math.sqrt(inputs);
    await fill(typedArray(a), () => (2 * random.uniform() - 1) * bound);
  }
  return { ...setting, ...(kind && { kind }), ...(experts !== undefined && { experts }), a, b };
}

async function fill(values: Float32Array, draw: () => number): Promise<void> {
  for (let i = 0; i < values.length; i++) {
    if (i % numbersPerSlice === 0) await breathe();
    values[i] = draw();
  }
}
