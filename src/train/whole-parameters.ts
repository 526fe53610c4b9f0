import { didYouMean, EspalierError } from '../core/index.ts';
import { savedParameters, type AdapterWeights } from '../lora/index.ts';
import type { BaseModel } from '../models/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../tensor/index.ts';
import { readFullWeights } from './full-weights.ts';
import type { ParameterArena } from './parameter-arena.ts';

/** Weights of the base that are trained whole beside an adapter, as a classifier's head is (`modules_to_save`). */
export interface WholeParameters {
  /** By their names in the checkpoint. */
  readonly names: ReadonlySet<string>;
  /** Fills their places in the arena with the base's values, or with those that an adapter brought. */
  initialize(arena: ParameterArena): Promise<void>;
  /** What the arena holds now, copied; undefined where there are none. */
  trained(arena: ParameterArena): ReadonlyMap<string, TensorData> | undefined;
}

/**
 * @param modules  names of modules, by PEFT's rule: ends of paths
 * @param given    what an adapter that is trained on brought of them
 * @throws EspalierError TRAIN_CONFIG_INVALID where a name fits nothing, TRAIN_CONFIG_CONFLICT where the base has no head to train
 */
export function wholeParameters(
  base: BaseModel,
  modules: readonly string[],
  given: AdapterWeights['saved'] = new Map(),
): WholeParameters {
  for (const name of modules) assertFits(base, name, modules);
  const names = new Set(savedParameters(modules, base.modules, base.weights).map((parameter) => parameter.name));
  if (names.size > 0 && base.graphs.classification === undefined) {
    const reason = 'only the head of a classifier can be trained whole';
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', {
      first: '--modules-to-save',
      second: base.config.family,
      reason,
    });
  }
  const entriesOf = (arena: ParameterArena): ParameterArena['entries'] =>
    arena.entries.filter((entry) => names.has(entry.name));
  return {
    names,
    async initialize(arena) {
      await readFullWeights(
        base,
        arena,
        entriesOf(arena).filter(({ name }) => !given.has(name)),
      );
      for (const entry of entriesOf(arena)) {
        const tensor = given.get(entry.name);
        if (tensor !== undefined) arena.view(entry).set(toFloat32(tensor));
      }
    },
    trained(arena) {
      if (names.size === 0) return undefined;
      return new Map(
        entriesOf(arena).map((entry) => [entry.name, tensorOf('float32', entry.shape, arena.view(entry))]),
      );
    },
  };
}

/** As in PEFT one name may fit nothing (it writes `classifier` and `score` for every classifier), but not all of them. */
function assertFits(base: BaseModel, name: string, all: readonly string[]): void {
  if (all.some((each) => savedParameters([each], base.modules, base.weights).length > 0)) return;
  const paths = base.modules.map(({ path }) => path);
  const actual = `${name}, which no module is called.${didYouMean(name, paths)}`;
  throw new EspalierError('TRAIN_CONFIG_INVALID', {
    option: '--modules-to-save',
    expected: 'names of modules',
    actual,
  });
}
