import type { Adapter } from '../../lora/index.ts';
import { emptyShared } from '../../native/index.ts';

/**
 * Gives the memory into which a large adapter was read back to the system at once. Nobody may read its tensors afterwards. WHY only
 * shared memory: it has the contents of one file, and nothing else.
 */
export function releaseTensors({ modules }: Adapter): void {
  const memories = [...modules.values()].flatMap(({ a, b }) => [a.bytes.buffer, b.bytes.buffer]);
  for (const memory of new Set(memories)) if (memory instanceof SharedArrayBuffer) emptyShared(memory);
}
