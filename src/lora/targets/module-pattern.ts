import { EspalierError, finishNow, messageOf, type Steps } from '../../core/index.ts';
import { PatternBudget, patternFlags } from './pattern-budget.ts';
import { translatePython } from './python-pattern.ts';

/** Ten times longer than any name of a module. */
const maxPatternLength = 10_000;

/** PEFT writes `(.*\.)?(pattern)$` around a pattern that may match an end: two groups, of which neither can be referred to. */
const groupsOfPeft = 2;

/** If a pattern was stopped so often, the pattern itself is slow, and not the machine. */
const maxRuns = 3;

export interface MatchOptions {
  /** Whether a pattern may also match the end of a path after a dot. */
  readonly orEnd?: boolean;
  /** Shared by all patterns of one configuration. */
  readonly budget?: PatternBudget;
}

/** Like `matchSteps`, without pauses. */
export function matchPattern(pattern: string, paths: readonly string[], options: MatchOptions = {}): string[] {
  return finishNow(matchSteps(pattern, paths, options));
}

/**
 * The paths that a regular expression of PEFT matches as a whole or, with `orEnd`, as a whole or after a dot.
 *
 * Patterns come from adapters and requests, and a pattern such as `(a+)+b` can run for years. All patterns except the simplest
 * therefore run in a context that is stopped after some milliseconds.
 *
 * @throws EspalierError LORA_PATTERN_INVALID
 */
export function* matchSteps(pattern: string, paths: readonly string[], options: MatchOptions): Steps<string[]> {
  const { budget = new PatternBudget() } = options;
  assertLength(pattern);
  const orEnd = options.orEnd === true;
  try {
    const { source: inner, isSimple } = translatePython(pattern, { groupsBefore: orEnd ? groupsOfPeft : 0 });
    const source = `^${orEnd ? '(?:.*\\.)?' : ''}(?:${inner})$`;
    const expression = new RegExp(source, patternFlags);
    const likely = candidates(pattern, paths, orEnd);
    budget.count();
    if (!isSimple) return yield* matchGuarded(source, likely, budget);
    const found: string[] = [];
    for (const path of likely) {
      if (budget.test(expression, path)) found.push(path);
      yield;
    }
    return found;
  } catch (cause) {
    const reason = messageOf(cause);
    throw new EspalierError('LORA_PATTERN_INVALID', { pattern, reason }, { cause });
  }
}

function* matchGuarded(source: string, paths: readonly string[], budget: PatternBudget): Steps<string[]> {
  for (let run = 1; run <= maxRuns; run++) {
    const fits = budget.testGuarded(source, paths);
    yield;
    if (fits !== undefined) return paths.filter((_, i) => fits[i]);
  }
  throw new RangeError('it takes too long; list the names of the modules instead');
}

function assertLength(pattern: string): void {
  if (pattern.length <= maxPatternLength) return;
  const reason = `it has ${pattern.length} characters, at most ${maxPatternLength} are read`;
  throw new EspalierError('LORA_PATTERN_INVALID', { pattern: `${pattern.slice(0, 60)}...`, reason });
}

/** A pattern in which every character, escaped or not, stands for one character. */
const fixed = /^(?:\\[.-]|[\w.-])*$/;

/**
 * The paths that a pattern may match, judged by their lengths. Configurations with a name for each of a thousand modules are common,
 * and a million tests are slow.
 */
function candidates(pattern: string, paths: readonly string[], orEnd: boolean): readonly string[] {
  if (!fixed.test(pattern)) return paths;
  const { length } = pattern.replaceAll('\\', '');
  return paths.filter((path) => path.length === length || (orEnd && path[path.length - length - 1] === '.'));
}
