import { runInNewContext } from 'node:vm';
import { EspalierError } from '../core/index.ts';

/** How long all paths together may take; a sound pattern takes well under a millisecond. */
const timeoutMs = 50;

/**
 * The paths that a regular expression of PEFT fits as a whole or, with `orEnd`, whole or after a dot.
 *
 * Patterns come from adapters and requests, and one such as `(a+)+b` can run for years. So those that can repeat
 * anything run where they can be stopped.
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
    if (!/[*+?{]/.test(inner)) return paths.filter((path) => expression.test(path));
    const globals = { source, paths: [...paths], result: '' };
    runInNewContext(`result = paths.map((path) => +new RegExp(source, 's').test(path)).join('')`, globals, {
      timeout: timeoutMs,
    });
    return paths.filter((_, i) => globals.result[i] === '1');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EspalierError('LORA_PATTERN_INVALID', { pattern, reason }, { cause });
  }
}

function compile(source: string): RegExp {
  return new RegExp(source, 's');
}

/** Spells for JavaScript what Python spells otherwise; what only one of them knows stays an error. */
function fromPython(pattern: string): string {
  return pattern.replace(/\\[\s\S]|\(\?P<|\(\?P=(\w+)\)|\{,(?=\d)/g, (token, name: string | undefined) => {
    if (name !== undefined) return `\\k<${name}>`;
    return { '\\A': '^', '\\Z': '$', '(?P<': '(?<', '{,': '{0,' }[token] ?? token;
  });
}
