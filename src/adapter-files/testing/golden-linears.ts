import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSafetensors } from '../../tensor/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';

const golden = fileURLToPath(new URL('../../../test/golden/', import.meta.url));

/** An adapter of ours with what PEFT makes of it; its base is the golden case `llama`. */
export const writtenFolder = join(golden, 'written-adapter');

/** An adapter that `espalier train` made on that base, with what PEFT makes of it. */
export const trainedHereFolder = join(golden, 'trained-here');

/** What stands in the folder of a golden case. */
export const goldenFolder = (name: string, part: string): string => join(golden, name, part);

/** The linear modules of a golden model: all its matrices but the embedding's. */
export async function goldenLinears(name: 'llama' | 'llama-d16' = 'llama'): Promise<AdaptableModule[]> {
  const { entries } = await openSafetensors(join(goldenFolder(name, 'model'), 'model.safetensors'));
  return [...entries.values()].flatMap(({ name: weight, shape: [out, width] }) => {
    if (out === undefined || width === undefined || weight.includes('embed_tokens')) return [];
    return [{ path: weight.replace(/\.weight$/, ''), in: width, out }];
  });
}
