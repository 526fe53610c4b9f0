import { copyFile, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EspalierError } from '../core/index.ts';
import { syncFolder } from '../tensor/index.ts';

/**
 * Makes a folder that appears whole or not at all.
 * @param fill  writes into a hidden folder beside the place
 * @throws EspalierError OUTPUT_EXISTS before anything is written
 */
export async function makeFolder(path: string, fill: (staging: string) => Promise<void>): Promise<void> {
  const place = resolve(path);
  const staging = join(dirname(place), `.${basename(place)}.partial-${process.pid}`);
  await assertFree(place);
  try {
    await mkdir(staging, { recursive: true });
    await fill(staging);
    await assertFree(place);
    await rename(staging, place);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
  await syncFolder(dirname(place));
}

async function assertFree(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined) throw new EspalierError('OUTPUT_EXISTS', { path });
}

/** Copies what is no weight: tokenizer, chat template, generation settings, pooling. Links are followed. */
export async function copyCompanions(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      if (!/^\d+_\w+$/.test(entry.name)) continue;
      await mkdir(target);
      await copyCompanions(source, target);
    } else if (isCompanion(entry.name)) await copyFile(source, target);
  }
}

function isCompanion(name: string): boolean {
  return /\.(json|txt|model|jinja|md)$|^LICENSE/.test(name) && !name.endsWith('.index.json') && !name.startsWith('.');
}

/** Writes a changed config.json over the one that was copied. */
export async function rewriteConfig(dir: string, change: (config: Record<string, unknown>) => void): Promise<void> {
  const path = join(dir, 'config.json');
  const config: unknown = JSON.parse(await readFile(path, 'utf8'));
  const changed: Record<string, unknown> = { ...(typeof config === 'object' ? config : {}) };
  change(changed);
  await writeFile(path, `${JSON.stringify(changed, undefined, 2)}\n`);
}
