import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Flushes a folder, so that a rename in it survives a power failure. Does nothing on systems that cannot flush folders. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (handle === undefined) return;
  await handle.sync().catch(() => undefined);
  await handle.close();
}

/** Flushes all files of a folder and the folders themselves. Throws if the disk turns out to be full. */
export async function flushFolder(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const place = join(path, entry.name);
    if (entry.isDirectory()) await flushFolder(place);
    else if (entry.isFile()) await flushFile(place);
  }
  await syncFolder(path);
}

async function flushFile(path: string): Promise<void> {
  // WHY opened for writing: Windows cannot flush a handle that is read-only.
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
