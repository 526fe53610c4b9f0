import { describe, expect, it } from 'vitest';
import { tensorOf, toFloat32 } from '../../../tensor/index.ts';
import { readGgufAdapter } from './gguf-adapter.ts';
import { loraMetadata, tinyGguf } from '../../testing/tiny-gguf.ts';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const a = tensorOf('float32', [2, 3], numbers(6));
const b = tensorOf('float16', [8, 2], numbers(16));
const pair = (name: string) => [[`${name}.weight.lora_a`, a] as const, [`${name}.weight.lora_b`, b] as const];

describe('readGgufAdapter', () => {
  it('gives modules their names, alpha and f32 matrices', async () => {
    const file = tinyGguf({ metadata: loraMetadata, tensors: [...pair('blk.1.ffn_down'), ...pair('output')] });
    const { modules, config } = await readGgufAdapter(file, 'x.gguf', undefined);
    expect([...modules.keys()]).toEqual(['model.layers.1.mlp.down_proj', 'lm_head']);
    const down = modules.get('model.layers.1.mlp.down_proj');
    expect(down).toMatchObject({ rank: 2, scaling: 4, a });
    expect(down && [...toFloat32(down.b)]).toEqual(numbers(16));
    expect(config).toMatchObject({ rank: 2, alpha: 8, rankPattern: {}, alphaPattern: {} });
  });

  it('takes an alpha of 0 for a scale of 1, as llama.cpp does', async () => {
    const file = tinyGguf({ metadata: { ...loraMetadata, 'adapter.lora.alpha': 0 }, tensors: pair('blk.0.attn_v') });
    const { modules, config } = await readGgufAdapter(file, 'x.gguf', undefined);
    expect(modules.get('model.layers.0.self_attn.v_proj')?.scaling).toBe(1);
    expect(config).toMatchObject({ rank: 2, alpha: 2 });
  });

  it('puts the rows of queries and keys back, each by its heads', async () => {
    const file = tinyGguf({ metadata: loraMetadata, tensors: [...pair('blk.0.attn_q'), ...pair('blk.0.attn_k')] });
    const { modules } = await readGgufAdapter(file, 'x.gguf', { query: 2, keyValue: 1 });
    const rows = (path: string): number[] => {
      const matrix = modules.get(`model.layers.0.self_attn.${path}`)?.b;
      return matrix ? [...toFloat32(matrix)].filter((_, i) => i % 2 === 0).map((value) => value / 2) : [];
    };
    // A head of 4 rows is stored as first half 0, second half 0, first half 1, second half 1.
    expect(rows('q_proj')).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    expect(rows('k_proj')).toEqual([0, 2, 4, 6, 1, 3, 5, 7]);
  });

  it('refuses queries of a llama whose heads nobody says, and leaves those of others alone', async () => {
    const tensors = pair('blk.0.attn_q');
    const llama = readGgufAdapter(tinyGguf({ metadata: loraMetadata, tensors }), 'x.gguf', undefined);
    await expect(llama).rejects.toThrow('convert it with --base');
    const metadata = { ...loraMetadata, 'general.architecture': 'qwen2' };
    const { modules } = await readGgufAdapter(tinyGguf({ metadata, tensors }), 'x.gguf', undefined);
    const q = modules.get('model.layers.0.self_attn.q_proj');
    expect(q && [...toFloat32(q.b)]).toEqual(numbers(16));
  });

  it.each([
    ['a model', { ...loraMetadata, 'general.type': 'model' }, 'its general.type is model, not adapter'],
    ['an unknown architecture', { ...loraMetadata, 'general.architecture': 'mamba' }, 'lays out mamba is not known'],
    ['an architecture of JavaScript', { ...loraMetadata, 'general.architecture': 'toString' }, 'toString is not known'],
  ])('refuses %s', async (_, metadata, reason) => {
    const file = tinyGguf({ metadata, tensors: pair('blk.0.attn_v') });
    await expect(readGgufAdapter(file, 'x.gguf', undefined)).rejects.toMatchObject({
      code: 'GGUF_UNSUPPORTED',
      message: expect.stringContaining(reason),
    });
  });

  it('refuses names that no module has, and half a pair', async () => {
    const file = tinyGguf({
      metadata: loraMetadata,
      tensors: [...pair('blk.0.ssm_in'), ['blk.0.attn_v.weight.lora_a', a]],
    });
    const read = readGgufAdapter(file, 'x.gguf', undefined);
    await expect(read).rejects.toThrow('v_proj has no lora_b');
    await expect(read).rejects.toThrow('blk.0.ssm_in.weight.lora_a is of no module');
  });
});
