import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { ProcessMark } from './process-mark.ts';

/** The parts of a staging name, which identify its process. Names that an older version made have fewer parts. */
export interface StagingName {
  readonly mark: ProcessMark | undefined;
  /** Whether it is a folder that was renamed to make room for a new one. It may be the only copy of its content. */
  readonly isOld: boolean;
}

const pattern = /^(?:([0-9a-f]{8})-(\d{1,10})-(\d{1,20})-[0-9a-f]{12}|\d{1,10})(\.old)?$/;

/** The ending of the name of a folder that was renamed to make room for a new one. */
export const oldEnding = '.old';

/** A hidden name in the folder of `path`, and thus on the same disk, that no other process uses. */
export function stagingName(path: string, { realm, pid, start }: ProcessMark): string {
  const unique = `${realm}-${pid}-${start}-${randomBytes(6).toString('hex')}`;
  return join(dirname(path), `${stagingPrefix(path)}${unique}`);
}

/** Parses a name in the folder of `path`; undefined for a name that is not a staging name of `path`. */
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

/** The name of the path to which this staging name belongs; undefined for any other name. */
export function finalNameOf(name: string): string | undefined {
  return /^\.(.+)\.partial-/.exec(name)?.[1];
}

function stagingPrefix(path: string): string {
  return `.${basename(path)}.partial-`;
}
