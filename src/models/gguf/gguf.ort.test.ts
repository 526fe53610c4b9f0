import { copyFile, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { loadSafetensors, toFloat32, typedArray, type TensorData } from '../../tensor/index.ts';
import { fingerprintBase } from '../fingerprint/fingerprint-base.ts';
import { buildScoringGraph } from '../graphs.ts';
import { openBaseModel } from '../open-base-model.ts';
import { DecodeDriver } from '../testing/decode-driver.ts';
import { goldenDir } from '../testing/fixtures.ts';
import { maxDifference } from '../testing/golden.ts';
import { scoreRows } from '../testing/scoring-driver.ts';
import { verifyWeights } from '../verify-weights.ts';

const file = (name: string): string => goldenDir('gguf', `${name}.gguf`);

let environment: Environment;
let expected: ReadonlyMap<string, TensorData>;
let folder: string;
beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  expected = (await loadSafetensors(goldenDir('gguf', 'expected.safetensors'))).tensors;
  folder = await mkdtemp(join(tmpdir(), 'espalier-gguf-'));
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true });
});

const get = (name: string): TensorData => expected.get(name) ?? expect.fail(`no ${name}`);

describe.each([
  { name: 'llama-q4_k', products: 'Gemm' },
  { name: 'llama-q8_0', products: 'MatMulNBits' },
  { name: 'qwen2-q8_0', products: 'MatMulNBits' },
  { name: 'qwen3-q4_0', products: 'MatMulNBits' },
  { name: 'gemma2-bf16', products: 'Gemm' },
  { name: 'gemma3-f16', products: 'Gemm' },
  { name: 'phi3-q8_0', products: 'MatMulNBits' },
  { name: 'split-00001-of-00004', golden: 'split', products: 'MatMulNBits' },
])('$name', ({ name, golden = name, products }) => {
  it('has the logits and the greedy tokens of transformers, at once and token by token', async () => {
    const base = await openBaseModel(file(name));
    await verifyWeights(base);
    const ids = Array.from(typedArray(get('input_ids')), Number);
    const wanted = toFloat32(get(`${golden}.logits`));
    const [row = []] = await scoreRows({ base, environment }, [ids]);
    expect(maxDifference(row, wanted)).toBeLessThan(1e-4);
    expect(Math.max(...wanted)).toBeGreaterThan(0.5);
    using driver = await DecodeDriver.open(base, environment, { slots: 1, maxLength: 64 });
    const { vocabSize } = base.config;
    let last = new Float32Array();
    for (const [i, token] of ids.entries()) {
      last = new Float32Array(await driver.step([token]));
      expect(maxDifference(last, wanted.subarray(i * vocabSize, (i + 1) * vocabSize))).toBeLessThan(1e-4);
    }
    for (const token of typedArray(get(`${golden}.greedy`))) {
      expect(last.indexOf(Math.max(...last))).toBe(Number(token));
      last = new Float32Array(await driver.step([Number(token)]));
    }
    const { nodes } = buildScoringGraph(base).graph;
    expect(nodes.filter(({ name: node }) => /o_proj\/(Gemm|MatMul\w*)$/.test(node))[0]?.opType).toBe(products);
  });
});

describe('a GGUF base', () => {
  it('has modules of a checkpoint, tokens that end it, and a fingerprint of its own', async () => {
    const base = await openBaseModel(file('qwen2-q8_0'));
    expect(base.modules.map(({ path }) => path)).toContain('model.layers.1.self_attn.q_proj');
    expect(base.generation).toEqual({ bosTokenId: 1, eosTokenIds: [2] });
    expect(await fingerprintBase(base)).toMatch(/^gguf-quantized-1:/);
  });

  it('is found in its folder', async () => {
    await copyFile(file('phi3-q8_0'), join(folder, 'one.gguf'));
    expect((await openBaseModel(folder)).config.family).toBe('phi3');
    await rm(join(folder, 'one.gguf'));
  });

  it('may have a header of many reads', async () => {
    const bytes = await readFile(file('qwen2-q8_0'));
    const notes = Array.from({ length: 5 }, (_, i) => {
      const note = Buffer.alloc(32 + 64_000, 'x'); // Whole multiples of the alignment, so that tensors need not be moved.
      note.writeBigUInt64LE(12n, 0);
      note.write(`general.not${i}`, 8);
      note.writeUInt32LE(8, 20);
      note.writeBigUInt64LE(64_000n, 24);
      return note;
    });
    const head = Buffer.from(bytes.subarray(0, 24));
    head.writeBigUInt64LE(head.readBigUInt64LE(16) + 5n, 16);
    const path = join(folder, 'long.gguf');
    await writeFile(path, Buffer.concat([head, ...notes, bytes.subarray(24)]));
    const base = await openBaseModel(path);
    await verifyWeights(base);
    const [row = []] = await scoreRows({ base, environment }, [Array.from(typedArray(get('input_ids')), Number)]);
    expect(maxDifference(row, toFloat32(get('qwen2-q8_0.logits')))).toBeLessThan(1e-4);
  });

  it('is refused when a part is missing, or when another part than the first is named', async () => {
    const split = 'split-00001-of-00004';
    await copyFile(file(split), join(folder, `${split}.gguf`));
    await expect(openBaseModel(join(folder, `${split}.gguf`))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await rm(join(folder, `${split}.gguf`));
    await expect(openBaseModel(file('split-00002-of-00004'))).rejects.toMatchObject({
      code: expect.stringMatching(/^GGUF_/),
    });
  });

  it.each<[string, string, string]>([
    ['a setting that is not known', 'qwen2.attention.head_count_kv', 'qwen2.attention.head_count_kx'],
    ['an architecture that is not known', 'qwen2', 'qwenX'],
    ['a tensor of no module', 'blk.0.ffn_up', 'blk.0.ffn_xp'],
  ])('is refused for %s', async (what, from, to) => {
    const bytes = await readFile(file('qwen2-q8_0'));
    const path = join(folder, `${what}.gguf`);
    await writeFile(path, Buffer.from(bytes.toString('latin1').replace(from, to), 'latin1'));
    await expect(openBaseModel(path)).rejects.toThrow(
      to.startsWith('blk') ? /ffn_xp\.weight is unexpected/ : new RegExp(`${to}.*known`),
    );
  });

  it('is refused when a scale is infinite, and when it ends early', async () => {
    const path = join(folder, 'changed.gguf');
    await copyFile(file('qwen2-q8_0'), path);
    const ref = (await openBaseModel(path)).weights.get('model.layers.1.mlp.up_proj.weight');
    {
      await using handle = await open(path, 'r+');
      await handle.write(Uint8Array.of(0, 0x7c), 0, 2, ref?.offset);
    }
    await expect(verifyWeights(await openBaseModel(path))).rejects.toMatchObject({ code: 'MODEL_WEIGHTS_NOT_FINITE' });
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 40));
    await expect(openBaseModel(path)).rejects.toMatchObject({ code: 'GGUF_MALFORMED' });
  });
});
