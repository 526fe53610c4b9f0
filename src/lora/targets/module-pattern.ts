import { EspalierError, finishNow, type Steps } from '../../core/index.ts';
import { PatternBudget } from './pattern-budget.ts';

/** Ten times longer than any name of a module. */
const maxPatternLength = 10_000;

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
  const inner = fromPython(pattern);
  const source = `^${options.orEnd === true ? '(?:.*\\.)?' : ''}(?:${inner})$`;
  try {
    compile(inner); // compiled alone first, so that ')|(' cannot end the group around it
    const expression = compile(source);
    const likely = candidates(inner, paths, options.orEnd === true);
    budget.count();
    if (!isSimple(inner)) return yield* matchGuarded(source, likely, budget);
    const found: string[] = [];
    for (const path of likely) {
      if (budget.test(expression, path)) found.push(path);
      yield;
    }
    return found;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
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

function compile(source: string): RegExp {
  return new RegExp(source, 's');
}

/**
 * Whether a pattern cannot take long: it has no repeated group, no back reference, and at most two repeated parts. Its steps then grow
 * at most with the cube of a path's length.
 */
function isSimple(pattern: string): boolean {
  if (/\\[1-9k]/.test(pattern)) return false;
  const bare = pattern.replace(/\\./gs, 'x').replace(/\[[^\]]*\]/g, 'x');
  return !/\)[*+{]/.test(bare) && (bare.match(/[*+{]/g)?.length ?? 0) <= 2;
}

/** Translates Python's syntax to JavaScript's. Syntax that only one of them has stays an error. */
function fromPython(pattern: string): string {
  return pattern.replace(/\\[\s\S]|\(\?P<|\(\?P=(\w+)\)|\{,(?=\d)/g, (token, name: string | undefined) => {
    if (name !== undefined) return `\\k<${name}>`;
    return { '\\A': '^', '\\Z': '$', '(?P<': '(?<', '{,': '{0,' }[token] ?? token;
  });
}
