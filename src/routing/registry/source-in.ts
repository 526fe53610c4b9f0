import type { AdapterSource } from './adapter-source.ts';
import type { VersionRecord } from './adapter-version.ts';

/**
 * The first place of a version.
 *
 * WHY never empty: a version is made with a source, and gives up only those that keep an adapter in memory.
 */
export function sourceIn({ digest, sources }: VersionRecord): AdapterSource {
  const [source] = sources;
  if (source === undefined) throw new TypeError(`The version ${digest} has no source`);
  return source;
}
