import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Makes a rename in the folder last through a power cut, where the system lets a folder be flushed. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (handle === undefined) return;
  await handle.sync().catch(() => undefined);
  await handle.close();
}

/** Flushes every file of a folder, and the folders themselves. A full disk that shows only now is an error. */
export async function flushFolder(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const place = join(path, entry.name);
    if (entry.isDirectory()) await flushFolder(place);
    else if (entry.isFile()) await flushFile(place);
  }
  await syncFolder(path);
}

async function flushFile(path: string): Promise<void> {
  // WHY for writing: Windows flushes no handle that may only read.
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
