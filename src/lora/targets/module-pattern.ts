import { runInNewContext } from 'node:vm';
import { EspalierError } from '../../core/index.ts';

/**
 * How long all paths together may take, in milliseconds of the clock. A sound pattern needs a fraction of one; the second,
 * longer try is for a machine that was busy with something else during the first.
 */
const timeouts = [50, 500];

/**
 * The paths that a regular expression of PEFT fits as a whole or, with `orEnd`, whole or after a dot.
 *
 * Patterns come from adapters and requests, and one such as `(a+)+b` can run for years. So all but the simplest run where
 * they can be stopped.
 *
 * @throws EspalierError LORA_PATTERN_INVALID
 */
export function matchPattern(
  pattern: string,
  paths: readonly string[],
  options: { readonly orEnd?: boolean } = {},
): string[] {
  const inner = fromPython(pattern);
  const source = `^${options.orEnd === true ? '(?:.*\\.)?' : ''}(?:${inner})$`;
  try {
    compile(inner); // by itself first, so that ')|(' cannot end the group around it
    const expression = compile(source);
    const fits = isSimple(inner) ? paths.map((path) => expression.test(path)) : testGuarded(source, paths);
    return paths.filter((_, i) => fits[i]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EspalierError('LORA_PATTERN_INVALID', { pattern, reason }, { cause });
  }
}

function compile(source: string): RegExp {
  return new RegExp(source, 's');
}

/**
 * Whether a pattern cannot take long: no group is repeated, nothing refers back, and at most two parts are repeated, so
 * that its steps grow with the cube of a path's length at worst.
 */
function isSimple(pattern: string): boolean {
  if (/\\[1-9k]/.test(pattern)) return false;
  const bare = pattern.replace(/\\./gs, 'x').replace(/\[[^\]]*\]/g, 'x');
  return !/\)[*+{]/.test(bare) && (bare.match(/[*+{]/g)?.length ?? 0) <= 2;
}

function testGuarded(source: string, paths: readonly string[]): boolean[] {
  const run = (timeout: number): boolean[] => {
    const globals = { source, paths: [...paths], result: '' };
    const program = "result = paths.map((path) => Number(new RegExp(source, 's').test(path))).join('')";
    runInNewContext(program, globals, { timeout });
    return [...globals.result].map((digit) => digit === '1');
  };
  const [first = 0, second = 0] = timeouts;
  try {
    return run(first);
  } catch {
    return run(second);
  }
}

/** Spells for JavaScript what Python spells otherwise; what only one of them knows stays an error. */
function fromPython(pattern: string): string {
  return pattern.replace(/\\[\s\S]|\(\?P<|\(\?P=(\w+)\)|\{,(?=\d)/g, (token, name: string | undefined) => {
    if (name !== undefined) return `\\k<${name}>`;
    return { '\\A': '^', '\\Z': '$', '(?P<': '(?<', '{,': '{0,' }[token] ?? token;
  });
}
