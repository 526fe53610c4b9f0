import { EspalierError, option } from '../../core/index.ts';
import { matchPattern } from '../../lora/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import type { ParameterEntry } from '../graph/parameter-arena.ts';
import type { Trainable } from '../graph/trainable.ts';
import type { ParameterGroup } from '../optimizer/optimizer.ts';

/** The settings of one parameter. */
interface ParameterSettings {
  readonly weightDecay: number;
  /** Factor of the learning rate. */
  readonly rate: number;
}

/** Joins neighbours with the same settings to one group. The gaps between them stay 0. A parameter without settings is in none. */
function parameterGroups(
  entries: readonly ParameterEntry[],
  settingsOf: (entry: ParameterEntry) => ParameterSettings | undefined,
): ParameterGroup[] {
  const groups: ParameterGroup[] = [];
  let isNeighbour = false;
  for (const entry of entries) {
    const settings = settingsOf(entry);
    const before = isNeighbour ? groups.at(-1) : undefined;
    isNeighbour = settings !== undefined;
    if (settings === undefined) continue;
    const { weightDecay, rate } = settings;
    const isSame = before?.weightDecay === weightDecay && before.rate === rate;
    if (isSame) groups[groups.length - 1] = { ...before, end: entry.end };
    else groups.push({ start: entry.start, end: entry.end, weightDecay, rate });
  }
  return groups;
}

type RateSettings = Pick<TrainConfig, 'loraPlusRatio' | 'learningRatePattern' | 'weightDecay'>;

/**
 * The decay and the rate of each parameter.
 *
 *   rate = (rate of the first pattern that fits, or learningRate) · (loraPlusRatio for B and for DoRA's magnitudes) / learningRate
 *
 * @throws EspalierError TRAIN_CONFIG_INVALID if a pattern fits no parameter, LORA_PATTERN_INVALID
 * @see Hayou et al. 2024, "LoRA+: Efficient low rank adaptation of large models"; PEFT's `create_loraplus_optimizer`
 */
export function groupsOf(
  entries: readonly ParameterEntry[],
  {
    config,
    trainable,
    learningRate,
  }: { config: RateSettings; trainable: Pick<Trainable, 'decays' | 'trains'>; learningRate: number },
): ParameterGroup[] {
  const { loraPlusRatio = 1, learningRatePattern = {}, weightDecay } = config;
  const rates = ratesOf(entries, learningRatePattern);
  return parameterGroups(entries, (entry) => {
    if (!trainable.trains(entry.name)) return undefined;
    const times = /\.lora_(?:B|magnitude)$/.test(entry.name) ? loraPlusRatio : 1;
    const own = rates.get(entry.name);
    return {
      weightDecay: trainable.decays(entry) ? weightDecay : 0,
      rate: own === undefined ? times : (own / learningRate) * times,
    };
  });
}

/** The rates that patterns give, by the names of parameters. A pattern fits a parameter's name or its module's, or an end of it. */
function ratesOf(
  entries: readonly ParameterEntry[],
  patterns: Readonly<Record<string, number>>,
): ReadonlyMap<string, number> {
  const rates = new Map<string, number>();
  const modules = new Map(entries.map(({ name }) => [name, name.slice(0, Math.max(0, name.lastIndexOf('.')))]));
  const names = [...new Set([...modules.keys(), ...modules.values()])];
  for (const [pattern, rate] of Object.entries(patterns)) {
    const fitting = new Set(matchPattern(pattern, names, { orEnd: true }));
    let fits = 0;
    for (const [name, module] of modules) {
      if (!fitting.has(name) && !fitting.has(module)) continue;
      fits += 1;
      // WHY the first: as of rank_pattern in PEFT.
      if (!rates.has(name)) rates.set(name, rate);
    }
    if (fits > 0) continue;
    const expected = 'names or patterns of parameters that are trained, or of their modules';
    throw new EspalierError('TRAIN_CONFIG_INVALID', {
      option: option('learningRatePattern'),
      expected,
      actual: pattern,
    });
  }
  return rates;
}
