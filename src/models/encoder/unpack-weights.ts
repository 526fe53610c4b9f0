import type { ListedWeights } from '../weight-files.ts';
import { dividedRef, type WeightRef } from '../weight-ref.ts';
import type { EncoderFamily } from './encoder-config.ts';

export interface Unpacking {
  /** Translates a name in the files to that of a module. */
  readonly rename: (name: string) => string;
  readonly unpack: EncoderFamily['unpack'];
}

/**
 * Lists the tensors of files by the names of the modules. A tensor that contains several matrices, one below the other, becomes several
 * tensors, each a range of its bytes: rows lie one after the other in a file.
 *
 * A tensor that cannot be divided stays whole, under its own name, and is then reported as unexpected.
 */
export function unpacked(stored: ListedWeights, { rename, unpack }: Unpacking): ListedWeights {
  const tensors = new Map<string, WeightRef>();
  for (const [storedName, ref] of stored.tensors) {
    const name = rename(storedName);
    const parts = unpack?.(name);
    const each = parts === undefined ? undefined : divided(ref, parts);
    for (const part of each ?? [{ ...ref, name }]) tensors.set(part.name, part);
  }
  return { ...stored, tensors };
}

function divided(ref: WeightRef, names: readonly string[]): readonly WeightRef[] | undefined {
  const [rows = 0, ...rest] = ref.shape;
  if (rows === 0 || rows % names.length !== 0) return undefined;
  const shape = [rows / names.length, ...rest];
  return dividedRef(
    ref,
    names.map((name) => ({ name, shape })),
  );
}
