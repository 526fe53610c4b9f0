import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const locks = ['HEAD.lock', 'config.lock', 'packed-refs.lock', 'shallow.lock', 'gc.pid', 'refs/espalier/fleet.lock'];

/**
 * Removes the locks and the half received packs that a git has left in a bare repository because it was killed, or the machine failed. git
 * itself removes none: it would refuse each fetch from then on (`Unable to create shallow.lock: File exists`). Nothing else may be at work
 * in the repository.
 */
export async function clearCache(cache: string): Promise<void> {
  const objects = join(cache, 'objects');
  const left = async (folder: string, form: RegExp): Promise<readonly string[]> => {
    const names = await readdir(folder).catch(() => []);
    return names.filter((name) => form.test(name)).map((name) => join(folder, name));
  };
  const paths = [
    ...locks.map((name) => join(cache, name)),
    ...(await left(objects, /^(?:incoming-|tmp_objdir-)/)),
    ...(await left(join(objects, 'pack'), /^(?:\.?tmp-|tmp_)/)),
  ];
  await Promise.all(paths.map((path) => rm(path, { recursive: true, force: true })));
}
