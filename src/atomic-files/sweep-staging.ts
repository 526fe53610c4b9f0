import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathExists } from './path-exists.ts';
import { lifeOf } from './process-mark.ts';
import { parseStagingName, type StagingName } from './staging-name.ts';

/** What a process that cannot be asked left behind is taken as dead after a day without a change. */
const abandonedAfterMs = 24 * 60 * 60 * 1000;

/**
 * Removes what ended processes left beside `path` while they were writing it. A folder that had stepped aside for one that never
 * came goes back to its place. What cannot be removed stays: it is in nobody's way.
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

/** When the folder or something directly in it last changed. */
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
