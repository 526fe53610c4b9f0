import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The version of this package, as its `package.json` names it. */
export function packageVersion(): Promise<string> {
  return versionAbove(import.meta.dirname);
}

/** WHY searched for: the package's code may have been compiled to another folder in it. */
async function versionAbove(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
  const manifest: unknown = JSON.parse(text);
  const fields = typeof manifest === 'object' && manifest !== null ? new Map(Object.entries(manifest)) : new Map();
  const version: unknown = fields.get('name') === 'espalier' ? fields.get('version') : undefined;
  if (typeof version === 'string') return version;
  return dirname(folder) === folder ? 'unknown' : versionAbove(dirname(folder));
}
