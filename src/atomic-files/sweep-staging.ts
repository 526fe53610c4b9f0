import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathExists } from './path-exists.ts';
import { lifeOf } from './process-mark.ts';
import { parseStagingName, type StagingName } from './staging-name.ts';

/** Files of a process that runs elsewhere, or no longer, count as abandoned after a day without a change. */
const abandonedAfterMs = 24 * 60 * 60 * 1000;

/**
 * Removes the staging files that ended processes left beside `path`. If a folder was renamed to make room for a new one that was
 * never published, it is renamed back. Files that cannot be removed remain; they do no harm.
 *
 * @param now  milliseconds since 1970, as file times count
 */
export async function sweepStaging(path: string, now = Date.now()): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const staging = parseStagingName(name, path);
    if (staging === undefined) continue;
    const place = join(folder, name);
    if (!(await isAbandoned(place, staging, now))) continue;
    if (staging.isOld && !(await pathExists(path))) await rename(place, path).catch(() => undefined);
    else await rm(place, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isAbandoned(place: string, { mark }: StagingName, now: number): Promise<boolean> {
  const life = mark === undefined ? 'unknown' : await lifeOf(mark);
  if (life !== 'unknown') return life === 'dead';
  return now - (await lastChange(place)) > abandonedAfterMs;
}

/** When the folder or one of its direct entries last changed. */
async function lastChange(place: string): Promise<number> {
  const inside = await readdir(place).catch(() => []);
  const paths = [place, ...inside.map((name) => join(place, name))];
  const times = await Promise.all(
    paths.map((path) =>
      lstat(path)
        .then((found) => found.mtimeMs)
        .catch(() => 0),
    ),
  );
  return Math.max(...times);
}
