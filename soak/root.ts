import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemFiles } from '../src/adapter-store/files/store-files.ts';

/** The folder of the package. WHY searched for: these programs also run from where they were compiled to. */
export const packageRoot = rootFrom(import.meta.dirname);

function rootFrom(folder: string): string {
  return existsSync(join(folder, 'bin', 'espalier')) ? folder : rootFrom(dirname(folder));
}

/** A base of random weights that answers in less than a millisecond. */
export const tinyBase = join(packageRoot, 'test/golden/llama/model');

export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

/** A folder for temporary files, removed in the end, with read-only versions of a store in it. */
export async function openScratch(name: string): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), `espalier-soak-${name}-`));
  return { path, [Symbol.asyncDispose]: () => systemFiles.removeTree(path) };
}
