import { isFineTunedName, jobNameOf } from './adapter-name.ts';

/** Names of the base, of adapters and of models that somebody may see or sign. */
export interface Scope {
  /** Whether it has every name. */
  readonly isAll: boolean;
  sees(name: string): boolean;
}

/** Every name. */
export const everyName: Scope = { isAll: true, sees: () => true };

/**
 * The names that are listed. `*` in a name stands for any characters except a colon, so that `digits*` is not also every adapter of the
 * model `digits`. `*` alone is every name. Who sees what a fine-tuning job makes sees its checkpoints.
 */
export function createScope(listed: readonly string[]): Scope {
  if (listed.includes('*')) return everyName;
  const names = new Set(listed.filter((name) => !name.includes('*')));
  const patterns = listed.filter((name) => name.includes('*')).map((pattern) => pattern.split('*'));
  const has = (name: string): boolean => names.has(name) || patterns.some((parts) => matches(parts, name));
  return { isAll: false, sees: (name) => has(name) || (isFineTunedName(name) && has(jobNameOf(name))) };
}

/**
 * Whether a name consists of these parts with anything but colons between them. WHY no regular expression: several `*` in one would take
 * long for long names.
 */
function matches(parts: readonly string[], name: string): boolean {
  const [first = '', last = ''] = [parts[0], parts.at(-1)];
  const end = name.length - last.length;
  if (end < first.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end || name.slice(at, found).includes(':')) return false;
    at = found + part.length;
  }
  return !name.slice(at, end).includes(':');
}
