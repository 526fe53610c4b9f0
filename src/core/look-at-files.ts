import { readdir, stat } from 'node:fs/promises';

/** Whether a file lies at a path, also through a link. False where nothing can be read. */
export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** The names in a folder, sorted; none if it cannot be read. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}
