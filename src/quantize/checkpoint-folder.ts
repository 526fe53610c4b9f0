import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Copies the files that are not weights: tokenizer, chat template, generation settings, pooling. Links are resolved. */
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

/** Changes the copied config.json. */
export async function rewriteConfig(dir: string, change: (config: Record<string, unknown>) => void): Promise<void> {
  const path = join(dir, 'config.json');
  const config: unknown = JSON.parse(await readFile(path, 'utf8'));
  const changed: Record<string, unknown> = { ...(typeof config === 'object' ? config : {}) };
  change(changed);
  await writeFile(path, `${JSON.stringify(changed, undefined, 2)}\n`);
}
