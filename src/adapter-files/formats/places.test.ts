import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorOf, toFloat32 } from '../../tensor/index.ts';
import { loraMetadata, tinyGguf } from '../testing/tiny-gguf.ts';
import { readAdapter } from './read-adapter.ts';
import { writeAdapter } from './write-adapter.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterAll(() => rm(folder, { recursive: true }));

const module = 'model.layers.0.mlp.down_proj';
const a = tensorOf('float32', [2, 3], [1, 2, 3, 4, 5, 6]);
const b = tensorOf('float32', [4, 2], [7, 8, 9, 10, 11, 12, 13, 14]);

const gguf = tinyGguf({
  metadata: { ...loraMetadata, 'adapter.lora.alpha': 2 },
  tensors: [
    ['blk.0.ffn_down.weight.lora_a', a],
    ['blk.0.ffn_down.weight.lora_b', b],
  ],
});

async function written(format: 'peft' | 'onnx' | 'bin' | 'gguf'): Promise<[path: string, file: string]> {
  const path = join(folder, `adapter.${format}`);
  if (format === 'gguf') await writeFile(path, gguf);
  else {
    const config = { rank: 2, alpha: 2, dropout: 0, targetModules: [module] };
    const modules = new Map([[module, { rank: 2, scaling: 1, a, b }]]);
    await writeAdapter(path, { config, modules, baseName: undefined }, { format });
  }
  return [path, format === 'peft' ? join(path, 'adapter_model.safetensors') : path];
}

describe('the places of tensors', () => {
  it.each([
    ['peft', `base_model.model.${module}.lora_A.weight`],
    ['onnx', 'base_model.model.layers.0.mlp.down_proj.lora_A.MatMul.weight'],
    ['bin', `${module} A`],
    ['gguf', 'blk.0.ffn_down.weight.lora_a'],
  ] as const)('are where their numbers lie in the file: %s', async (format, name) => {
    const [path, file] = await written(format);
    const { modules, places } = await readAdapter(path);
    const bytes = await readFile(file);
    const read = modules.get(module);
    if (read === undefined || places === undefined) throw new TypeError('it has no places');
    // The first number is the same in a matrix and in its transpose.
    for (const tensor of [read.a, read.b]) {
      expect(bytes.readFloatLE(places.get(tensor)?.offset)).toBe(toFloat32(tensor)[0]);
    }
    expect(format === 'onnx' ? '' : places.get(read.a)?.tensor).toBe(format === 'onnx' ? '' : name);
  });
});
