import { basename, resolve, sep } from 'node:path';

/**
 * What a model's folder is called by: its own name, or `org/name` for a snapshot in the hub's cache, whose folder has
 * only a commit for a name.
 */
export function modelName(dir: string): string {
  const path = resolve(dir);
  const parts = path.split(sep);
  const cached = /^models--(.+)$/.exec(parts.at(-3) ?? '')?.[1];
  return cached !== undefined && parts.at(-2) === 'snapshots' ? cached.replace('--', '/') : basename(path);
}
