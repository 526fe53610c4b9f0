import { basename, resolve, sep } from 'node:path';

/**
 * Returns the name of a model's folder. For a snapshot in the cache of the hub, whose folder is named after a commit, it is
 * `org/name`.
 */
export function modelName(dir: string): string {
  const path = resolve(dir);
  const parts = path.split(sep);
  const cached = /^models--(.+)$/.exec(parts.at(-3) ?? '')?.[1];
  return cached !== undefined && parts.at(-2) === 'snapshots' ? cached.replace('--', '/') : basename(path);
}
