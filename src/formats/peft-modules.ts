import { join } from 'node:path';
import type { AdaptableModule } from '../ir/index.ts';
import { openSafetensors } from '../tensor/index.ts';

const matrixName = /^base_model\.model\.(?<path>.+)\.lora_(?<matrix>[AB])\.weight$/;

/**
 * The modules that a PEFT folder's tensors are for, as the tensors' own shapes say: what reads it needs a base, and this
 * stands in for one where there is none.
 *
 * @throws EspalierError FILE_NOT_FOUND, SAFETENSORS_*
 */
export async function modulesOfPeft(dir: string): Promise<AdaptableModule[]> {
  const { entries } = await openSafetensors(join(dir, 'adapter_model.safetensors'), { maxHeaderBytes: 8_000_000 });
  const sizes = new Map<string, { in?: number; out?: number }>();
  for (const { name, shape } of entries.values()) {
    const { path, matrix } = matrixName.exec(name)?.groups ?? {};
    if (path === undefined || shape.length !== 2) continue;
    const size = matrix === 'A' ? { in: shape[1] ?? 0 } : { out: shape[0] ?? 0 };
    sizes.set(path, { ...sizes.get(path), ...size });
  }
  return [...sizes].map(([path, size]) => ({ path, in: size.in ?? 0, out: size.out ?? 0 }));
}
