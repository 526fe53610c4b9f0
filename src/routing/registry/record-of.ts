import { VersionRecord } from './adapter-version.ts';
import type { AdoptedVersion } from './known-version.ts';
import { unixSeconds } from './version-table.ts';

/** A version that nothing holds yet. */
export function recordOf({ source, openTokenizer, ...known }: AdoptedVersion): VersionRecord {
  const record = new VersionRecord({ ...known, sources: [source], created: unixSeconds() });
  record.openTokenizer = openTokenizer;
  return record;
}
