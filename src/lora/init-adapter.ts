import { breathe, createRandom } from '../core/index.ts';
import { typedArray, zerosOf, type TensorOf } from '../tensor/index.ts';
import { assertConfig, settingsOf, type LoraConfig } from './lora-config.ts';
import type { AdaptableModule } from '../ir/index.ts';
import { matchTargets } from './match-targets.ts';

/** The low-rank update of one module: W + scaling · B·A. */
export interface ModuleWeights {
  readonly rank: number;
  readonly scaling: number;
  /** f32 [rank, in] */
  readonly a: TensorOf<'float32'>;
  /** f32 [out, rank] */
  readonly b: TensorOf<'float32'>;
}

const numbersPerSlice = 2048;

/**
 * A new adapter that changes nothing yet: A uniform within ±1/√in, B zero. Each module draws from a stream of its own,
 * so that its A does not depend on which other modules there are.
 *
 * @throws EspalierError LORA_CONFIG_INVALID, LORA_TARGET_UNMATCHED, LORA_PATTERN_INVALID
 * @see He et al. 2015, eq. 10 with a = √5, as PEFT begins
 */
export async function initAdapter(
  linears: readonly AdaptableModule[],
  config: LoraConfig,
  seed: number,
): Promise<Map<string, ModuleWeights>> {
  assertConfig(config);
  const { modules } = matchTargets(linears, config.targetModules);
  const settings = settingsOf(config, modules);
  const result = new Map<string, ModuleWeights>();
  for (const { path, in: width, out } of linears) {
    const setting = settings.get(path);
    if (setting === undefined) continue;
    const a = zerosOf('float32', [setting.rank, width]);
    await fillUniform(typedArray(a), 1 / Math.sqrt(width), createRandom(seed, `lora_A/${path}`));
    result.set(path, { ...setting, a, b: zerosOf('float32', [out, setting.rank]) });
  }
  return result;
}

async function fillUniform(
  values: Float32Array,
  bound: number,
  random: ReturnType<typeof createRandom>,
): Promise<void> {
  for (let i = 0; i < values.length; i++) {
    if (i % numbersPerSlice === 0) await breathe();
    values[i] = (2 * random.uniform() - 1) * bound;
  }
}
