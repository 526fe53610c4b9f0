import { join } from 'node:path';
import { EspalierError, flagOf, hintAtKey, optionOfKey } from '../../core/index.ts';
import { resolveConfig, resolveTrainOptions, trainOptionNames } from './resolve-config.ts';
import type { TrainConfig, TrainOptions } from './train-config.ts';

/** One of several trainings, with its name. */
export interface NamedRun {
  readonly name: string;
  readonly config: TrainConfig;
}

/** The settings of several trainings. */
export interface RunsSettings {
  readonly runs: readonly NamedRun[];
  /** A file for a page that compares them. */
  readonly report: string | undefined;
}

/** Several trainings, as a caller in code writes them: settings that all share, and those of each, or lists of values to combine. */
export type RunsOptions = Partial<TrainOptions> & {
  readonly runs?: readonly (Partial<TrainOptions> & { readonly name?: string })[];
  /** Lists of values by setting. There is a run for each combination. */
  readonly sweep?: { readonly [Key in keyof TrainOptions]?: readonly NonNullable<TrainOptions[Key]>[] };
};

type Values = Readonly<Record<string, unknown>>;

export interface RunsSources {
  readonly file: { readonly path: string; readonly values: Values };
  /** Options of the command line, by camelCase name. They override those of each run, except `output` and `report`. */
  readonly flags: Values;
  /** The keys of a mapping of the file as the options that they name. Default: as they are written. */
  readonly named?: (values: Values) => Values;
}

/** More runs than this are a mistake: each has its own optimizer, gradients and files. */
const mostRuns = 64;

/** Whether a settings file describes several trainings. */
export function describesRuns(values: Values): boolean {
  return 'runs' in values || 'sweep' in values;
}

/**
 * The trainings of a settings file with `runs` or `sweep`, checked.
 * @throws EspalierError TRAIN_CONFIG_UNKNOWN, TRAIN_CONFIG_INVALID, TRAIN_CONFIG_CONFLICT, with the name of the run
 */
export function resolveRuns({ file, flags, named = (values) => values }: RunsSources): RunsSettings {
  const { path } = file;
  return settingsOf({ values: file.values, over: flags, named, source: path }, ({ name, values, over }) =>
    resolveConfig({ file: { path: `${path} (run ${name})`, values }, flags: over }),
  );
}

/**
 * Checks the settings of several trainings that a caller in code gives.
 * @throws EspalierError the errors of `resolveRuns`
 */
export function resolveRunsOptions(options: RunsOptions): RunsSettings {
  const source = { values: { ...options }, over: {}, named: (values: Values) => values, source: 'The settings object' };
  // WHY as: `resolveTrainOptions` checks every key and value.
  return settingsOf(source, ({ values }) => resolveTrainOptions(values as TrainOptions));
}

interface Source {
  readonly values: Values;
  readonly over: Values;
  readonly named: (values: Values) => Values;
  readonly source: string;
}

interface RunValues {
  readonly name: string;
  readonly values: Values;
  readonly over: Values;
}

function settingsOf({ values, over, named, source }: Source, resolve: (run: RunValues) => TrainConfig): RunsSettings {
  const { runs, sweep, ...rest } = values;
  if (runs !== undefined && sweep !== undefined) {
    const reason = 'a sweep makes the list of runs';
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: 'runs', second: 'sweep', reason });
  }
  const { report, tensorboard, output, ...shared } = camelCased(named(rest));
  const { report: reportOver, tensorboard: boardOver, output: outputOver, ...others } = over;
  const [page, board, parent] = [reportOver ?? report, boardOver ?? tensorboard, outputOver ?? output];
  const each = sweep === undefined ? listOf(runs, named) : combinations(sweep, { named, source });
  const resolved = each.map(({ name, values: own }) => {
    const places = {
      ...(typeof parent === 'string' && { output: join(parent, name) }),
      ...(typeof board === 'string' && { tensorboard: join(board, name) }),
    };
    return {
      name,
      config: inRun(name, () => resolve({ name, values: { ...shared, ...places, ...own }, over: others })),
    };
  });
  if (page !== undefined && (typeof page !== 'string' || page === '')) {
    throw new EspalierError('TRAIN_CONFIG_INVALID', {
      option: 'report',
      expected: 'a path',
      actual: JSON.stringify(page),
    });
  }
  return { runs: resolved, report: page };
}

/** WHY: of two spellings of a key, the one of a run must take the place of the shared one. An unknown key stays, and is refused by name. */
function camelCased(values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      trainOptionNames.includes(optionOfKey(key)) ? optionOfKey(key) : key,
      value,
    ]),
  );
}

interface NamedValues {
  readonly name: string;
  readonly values: Values;
}

function listOf(runs: unknown, named: Source['named']): NamedValues[] {
  if (!Array.isArray(runs) || runs.length === 0) invalid('runs', 'a list of runs, each a mapping of settings', runs);
  if (runs.length > mostRuns) invalid('runs', `at most ${mostRuns} runs`, `${runs.length}`);
  return runs.map((run: unknown, i) => {
    if (!isMapping(run)) return invalid('runs', 'a list of mappings such as "{ name: small, rank: 4 }"', run);
    const { name = `run-${i + 1}`, ...values } = run;
    if (typeof name !== 'string' || !/^\w[\w.=+-]*$/.test(name)) {
      return invalid('name', 'letters, digits and . = + - _ in the name of a run, because a folder is called so', name);
    }
    return { name, values: camelCased(named(values)) };
  });
}

/** Every combination of the values. A run is called after its values: `rank-4_learning-rate-0.001`. */
function combinations(sweep: unknown, { named, source }: Pick<Source, 'named' | 'source'>): NamedValues[] {
  if (!isMapping(sweep) || Object.keys(sweep).length === 0) {
    return invalid('sweep', 'lists of values by setting, such as "rank: [4, 8]"', sweep);
  }
  let all: NamedValues[] = [{ name: '', values: {} }];
  for (const [key, list] of Object.entries(camelCased(named(sweep)))) {
    if (!trainOptionNames.includes(key)) {
      const hint = hintAtKey(key, trainOptionNames);
      throw new EspalierError('TRAIN_CONFIG_UNKNOWN', { source: `${source} (sweep)`, key, hint });
    }
    if (!Array.isArray(list) || list.length === 0) return invalid(`sweep of ${key}`, 'a list of values', list);
    const values: readonly unknown[] = list;
    all = all.flatMap((run) => values.map((value) => widened(run, { key, value, place: values.indexOf(value) })));
    if (all.length > mostRuns) return invalid('sweep', `at most ${mostRuns} combinations`, `${all.length} or more`);
  }
  return all;
}

function widened(
  { name, values }: NamedValues,
  { key, value, place }: { key: string; value: unknown; place: number },
): NamedValues {
  const isShort =
    typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && /^[\w.-]+$/.test(value));
  const words = flagOf(key).slice('--'.length);
  // WHY a number for others: a list or a pattern is no name of a folder.
  const own = `${words}-${isShort ? String(value) : String(place + 1)}`;
  return { name: name === '' ? own : `${name}_${own}`, values: { ...values, [key]: value } };
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(option: string, expected: string, actual: unknown): never {
  const shown = typeof actual === 'string' ? actual : (JSON.stringify(actual) ?? 'nothing');
  throw new EspalierError('TRAIN_CONFIG_INVALID', { option, expected, actual: shown });
}

/** Adds the name of the run to what is said of its settings. */
function inRun<Result>(name: string, task: () => Result): Result {
  try {
    return task();
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    throw error.withText((text, detail) =>
      detail === 'actual' || detail === 'reason' ? `${text} (in the run ${name})` : text,
    );
  }
}
