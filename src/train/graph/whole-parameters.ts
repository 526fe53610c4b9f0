import { createRandom, didYouMean, EspalierError, option } from '../../core/index.ts';
import { savedParameters } from '../../adapter-files/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { parameterShapes, type BaseModel } from '../../models/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';
import { readFullWeights } from './full-weights.ts';
import type { ParameterArena, ParameterEntry } from './parameter-arena.ts';
import { inSlices } from '../loop/slices.ts';

/** Weights of the base that are trained besides an adapter, such as the head of a classifier (`modules_to_save`). */
export interface WholeParameters {
  /** By their names in the checkpoint. */
  readonly names: ReadonlySet<string>;
  /** Fills their places in the arena with the base's values, or with those of a loaded adapter. */
  initialize(arena: ParameterArena): Promise<void>;
  /** Copies of the current values in the arena; undefined if there are none. */
  trained(arena: ParameterArena): ReadonlyMap<string, TensorData> | undefined;
}

export interface WholeOptions {
  /** The values of a loaded adapter that is trained further. */
  readonly given?: Adapter['saved'];
  /** The seed of the initial weights of a new head. */
  readonly seed: number;
}

/** The standard deviation of new weights, as in BERT and similar models. */
const newDeviation = 0.02;

/**
 * @param modules  names of modules, by PEFT's rule: ends of paths
 * @throws EspalierError TRAIN_CONFIG_INVALID if a name matches nothing, TRAIN_CONFIG_CONFLICT if the base has no head to train
 */
export function wholeParameters(
  base: BaseModel,
  modules: readonly string[],
  { given = new Map(), seed }: WholeOptions,
): WholeParameters {
  for (const name of modules) assertFits(base, name, modules);
  const names = new Set(
    savedParameters(modules, base.modules, parameterShapes(base)).map((parameter) => parameter.name),
  );
  if (names.size > 0 && base.graphs.classification === undefined) {
    const reason = 'only the head of a classifier can be trained whole';
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', {
      first: option('modulesToSave'),
      second: base.config.family,
      reason,
    });
  }
  const entriesOf = (arena: ParameterArena): ParameterArena['entries'] =>
    arena.entries.filter((entry) => names.has(entry.name));
  return {
    names,
    async initialize(arena) {
      const stored = entriesOf(arena).filter(({ name }) => !given.has(name) && base.weights.has(name));
      await readFullWeights(base, arena, stored);
      for (const entry of entriesOf(arena)) {
        const tensor = given.get(entry.name);
        if (tensor !== undefined) arena.view(entry).set(toFloat32(tensor));
        else if (!base.weights.has(entry.name)) await draw(arena.view(entry), entry, seed);
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

/** The modules of a new head, by the names under which PEFT saves them: `classifier`, `pooler`. */
export function headModules({ headWeights = new Map() }: Pick<BaseModel, 'headWeights'>): string[] {
  const names = [...headWeights.keys()].map((name) => (name.includes('pooler.') ? 'pooler' : 'classifier'));
  return [...new Set(names)].sort();
}

/** Initializes a new weight: normal numbers, and zeros for a bias. */
async function draw(values: Float32Array, { name, shape }: ParameterEntry, seed: number): Promise<void> {
  if (shape.length < 2) return;
  const random = createRandom(seed, `head/${name}`);
  await inSlices(values.length, (start, end) => {
    for (let i = start; i < end; i++) values[i] = newDeviation * random.normal();
  });
}

/** As in PEFT, a name may match nothing (PEFT writes `classifier` and `score` for every classifier), but at least one must match. */
function assertFits(base: BaseModel, name: string, all: readonly string[]): void {
  if (all.some((each) => savedParameters([each], base.modules, parameterShapes(base)).length > 0)) return;
  const paths = base.modules.map(({ path }) => path);
  const actual = `${name}, which no module is called.${didYouMean(name, paths)}`;
  throw new EspalierError('TRAIN_CONFIG_INVALID', {
    option: option('modulesToSave'),
    expected: 'names of modules',
    actual,
  });
}
