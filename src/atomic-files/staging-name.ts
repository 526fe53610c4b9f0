import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { ProcessMark } from './process-mark.ts';

/** What a staging name says: whose it is. A name that an older version made says less. */
export interface StagingName {
  readonly mark: ProcessMark | undefined;
  /** Whether it holds what had to step aside for a new folder, and may be the only copy. */
  readonly isOld: boolean;
}

const pattern = /^(?:([0-9a-f]{8})-(\d{1,10})-(\d{1,20})-[0-9a-f]{12}|\d{1,10})(\.old)?$/;

/** Ends the name of a folder that had to step aside. */
export const oldEnding = '.old';

/** A name beside `path`, on the same disk, hidden, that nobody else uses. */
export function stagingName(path: string, { realm, pid, start }: ProcessMark): string {
  const unique = `${realm}-${pid}-${start}-${randomBytes(6).toString('hex')}`;
  return join(dirname(path), `${stagingPrefix(path)}${unique}`);
}

/** What a name in the folder of `path` says; undefined for a name that is no staging of `path`. */
export function parseStagingName(name: string, path: string): StagingName | undefined {
  const prefix = stagingPrefix(path);
  if (!name.startsWith(prefix)) return undefined;
  const match = pattern.exec(name.slice(prefix.length));
  if (match === null) return undefined;
  const [, realm, pid, start, old] = match;
  const isOld = old !== undefined;
  if (realm === undefined || pid === undefined || start === undefined) return { mark: undefined, isOld };
  return { mark: { realm, pid: Number(pid), start }, isOld };
}

function stagingPrefix(path: string): string {
  return `.${basename(path)}.partial-`;
}
