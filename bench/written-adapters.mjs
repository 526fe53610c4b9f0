// Writes PEFT folders of random numbers fast. All adapters of a folder differ.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '#internal/core';

/**
 * @param {string} folder
 * @param {{ count: number, rank: number, modules: readonly { path: string, in: number, out: number }[] }} options
 * @returns {Promise<string[]>} the names of the adapters
 */
export async function writeAdapters(folder, { count, rank, modules }) {
  const random = createRandom(rank, 'adapters');
  const total = modules.reduce((sum, { in: width, out }) => sum + rank * (width + out), 0);
  // Twice as long as an adapter, so that each adapter can begin at another offset.
  const numbers = Float32Array.from({ length: 2 * total }, () => (2 * random.uniform() - 1) * 0.02);
  const header = headerOf(modules, rank);
  const names = Array.from({ length: count }, (_, place) => `r${rank}-${place}`);
  const config = JSON.stringify({
    peft_type: 'LORA',
    r: rank,
    lora_alpha: 2 * rank,
    target_modules: modules.map(({ path }) => path),
    bias: 'none',
  });
  for (const [place, name] of names.entries()) {
    const start = (place * 4093) % total;
    const content = new Uint8Array(numbers.buffer, start * 4, total * 4);
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, 'adapter_model.safetensors'), Buffer.concat([header, content]));
    await writeFile(join(folder, name, 'adapter_config.json'), config);
  }
  return names;
}

function headerOf(modules, rank) {
  let offset = 0;
  const entries = {};
  for (const { path, in: width, out } of modules) {
    for (const [part, shape] of [
      ['lora_A', [rank, width]],
      ['lora_B', [out, rank]],
    ]) {
      const end = offset + 4 * shape[0] * shape[1];
      entries[`base_model.model.${path}.${part}.weight`] = { dtype: 'F32', shape, data_offsets: [offset, end] };
      offset = end;
    }
  }
  const text = JSON.stringify(entries);
  const padded = text + ' '.repeat((8 - (text.length % 8)) % 8);
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([head, Buffer.from(padded)]);
}
