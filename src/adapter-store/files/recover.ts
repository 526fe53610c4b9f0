import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { putBack } from '../incoming/take-away.ts';
import type { Layout } from './layout.ts';
import type { StoreFiles } from './store-files.ts';

/** Creates the folders of a store, and removes what a stopped process has left half done. */
export async function recover(layout: Layout, files: StoreFiles): Promise<void> {
  const { incoming, store, active, quarantine, history, signatures, staging } = layout;
  for (const folder of [incoming, store, active, quarantine, history, signatures, staging]) {
    await mkdir(folder, { recursive: true });
  }
  await putBack(layout, files);
  for (const name of await readdir(staging)) await files.removeTree(join(staging, name));
}
