import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeAtomically } from '../../atomic-files/index.ts';
import { readFolder, type ChosenTokenizer } from '../../tokenizer/index.ts';

/**
 * Writes what the result of a training needs, beside its weights, to be asked with the tokens of its rows. PEFT and transformers look for
 * these files at the same places.
 *
 * @param model  the folder of the base whose files were copied to the result; undefined for an adapter
 */
export async function saveTokenizer(
  dir: string,
  { whose, files }: Pick<ChosenTokenizer, 'whose' | 'files'>,
  model: string | undefined,
): Promise<void> {
  const further = model === undefined || whose !== 'base' ? [] : await furtherTemplates(model);
  for (const [name, bytes] of [...files, ...further]) {
    const path = join(dir, name);
    await mkdir(dirname(path), { recursive: true });
    await writeAtomically(path, (handle) => handle.writeFile(bytes));
  }
}

/** The templates of a model that are in a folder of their own, which is not copied with its files. */
async function furtherTemplates(model: string): Promise<[string, Uint8Array][]> {
  return [...(await readFolder(model, 'model'))].filter(([name]) => name.includes('/'));
}
