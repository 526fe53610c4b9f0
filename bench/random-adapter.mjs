// Adapters in memory, whose numbers depend on their seed alone.
import { initAdapter } from '#internal/lora';
import { typedArray } from '#internal/tensor';

/**
 * An adapter of all linear modules, whose B is not zero, so that its product cannot be skipped.
 * @param {import('#internal/models').BaseModel} base
 * @param {{ seed: number, rank: number }} options
 */
export async function randomAdapter(base, { seed, rank }) {
  const config = { rank, alpha: 2 * rank, dropout: 0, targetModules: 'all-linear' };
  const linears = base.modules.filter(({ path }) => path !== 'lm_head');
  const initial = await initAdapter(linears, config, { seed });
  const modules = new Map();
  for (const [path, module] of initial) {
    const b = typedArray(module.b);
    for (let i = 0; i < b.length; i++) b[i] = (((((i + 7919 * seed) * 2654435761) >>> 8) % 2001) / 1000 - 1) * 0.01;
    modules.set(path, { ...module, b: { ...module.b, bytes: new Uint8Array(b.buffer, b.byteOffset, b.byteLength) } });
  }
  return { config, modules, digest: String(seed).padStart(64, '0'), baseName: undefined };
}
