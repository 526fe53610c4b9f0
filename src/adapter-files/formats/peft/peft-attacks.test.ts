import { cp, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadSafetensors, tensorOf, toFloat32, writeSafetensors, type TensorData } from '../../../tensor/index.ts';
import { loadPeftAdapter } from './load-peft-adapter.ts';
import type { AdaptableModule } from '../../../ir/index.ts';
import type { Adapter } from '../../../lora/index.ts';
import { goldenFolder, goldenLinears } from '../../testing/golden-linears.ts';
import { settled } from '../../testing/settled.ts';

let [folder, dir] = ['', ''];
let linears: AdaptableModule[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  linears = await goldenLinears();
});
beforeEach(async () => {
  dir = await mkdtemp(join(folder, 'adapter-'));
  await cp(goldenFolder('llama', 'trained'), dir, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

const load = (from: string, modules: readonly AdaptableModule[] = linears): Promise<Adapter> =>
  loadPeftAdapter(from, modules, settled);

const q0 = 'base_model.model.model.layers.0.self_attn.q_proj';

async function changeTensors(change: (tensors: Map<string, TensorData>) => void): Promise<void> {
  const path = join(dir, 'adapter_model.safetensors');
  const { tensors, metadata } = await loadSafetensors(path);
  change(tensors);
  await writeSafetensors(path, tensors, { metadata });
}

async function changeConfig(change: object): Promise<void> {
  const path = join(dir, 'adapter_config.json');
  const config: object = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...config, ...change }));
}

const refusal = (code: string, text: string): object => ({ code, message: expect.stringContaining(text) });

describe('an adapter is refused', () => {
  it('with a tensor missing', async () => {
    await changeTensors((tensors) => tensors.delete(`${q0}.lora_B.weight`));
    await expect(load(dir)).rejects.toMatchObject(refusal('LORA_TENSORS_INVALID', `missing ${q0}.lora_B.weight`));
  });

  it.each([
    [`${q0}.lora_magnitude_vector`, [32]],
    [`${q0}.lora_B.bias`, [32]],
    [`${q0}.base_layer.weight.lora`, [1]],
    ['unrelated', [1]],
  ])('with the unexpected tensor %s', async (name, shape) => {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    await changeTensors((tensors) => tensors.set(name, tensorOf('float32', shape, values)));
    await expect(load(dir)).rejects.toMatchObject(refusal('LORA_TENSORS_INVALID', `unexpected ${name}`));
  });

  it('with a module that its configuration does not name', async () => {
    await changeConfig({ target_modules: ['k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] });
    await expect(load(dir)).rejects.toMatchObject(refusal('LORA_TENSORS_INVALID', `unexpected ${q0}.lora_A.weight`));
  });

  it.each([
    ['another rank', 'lora_A', [3, 32]],
    ['a vector', 'lora_A', [128]],
    ['its axes exchanged', 'lora_A', [32, 4]],
    ['no elements', 'lora_B', [0, 4]],
  ])('with a matrix of %s', async (_, matrix, shape) => {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    await changeTensors((tensors) => tensors.set(`${q0}.${matrix}.weight`, tensorOf('float32', shape, values)));
    await expect(load(dir)).rejects.toThrow(/LORA|q_proj/);
  });

  it('with a rank other than that of its tensors, however large', async () => {
    for (const r of [2, 65_536]) {
      await changeConfig({ r });
      await expect(load(dir)).rejects.toMatchObject(
        refusal('LORA_TENSORS_INVALID', `should be [${r}, 32], is [4, 32]`),
      );
    }
  });

  it.each([NaN, Infinity, -Infinity])('with %d among its numbers', async (bad) => {
    await changeTensors((tensors) => {
      const tensor = tensors.get(`${q0}.lora_A.weight`);
      if (tensor) toFloat32(tensor)[5] = bad;
    });
    await expect(load(dir)).rejects.toMatchObject(refusal('TENSOR_NOT_FINITE', `${q0}.lora_A.weight`));
  });

  it('with a number that is too large for f32', async () => {
    await changeTensors((tensors) => {
      const values = new Float64Array(128).fill(1e300, 7);
      tensors.set(`${q0}.lora_A.weight`, tensorOf('float64', [4, 32], values));
    });
    await expect(load(dir)).rejects.toMatchObject(refusal('TENSOR_NOT_FINITE', 'is Infinity at element 7'));
  });

  it('with integers for numbers', async () => {
    await changeTensors((tensors) => tensors.set(`${q0}.lora_A.weight`, tensorOf('int8', [4, 32], new Int8Array(128))));
    await expect(load(dir)).rejects.toMatchObject(refusal('LORA_TENSORS_INVALID', 'should be floats, is int8'));
  });

  it('when the base is wider', async () => {
    const wider = linears.map(({ path, in: width, out }) => ({ path, in: width * 2, out }));
    await expect(load(dir, wider)).rejects.toMatchObject(
      refusal('LORA_BASE_MISMATCH', 'model.layers.0.mlp.down_proj takes 128 numbers, lora_A 64'),
    );
  });

  it('when the base has fewer layers', async () => {
    const shorter = linears.filter(({ path }) => !path.includes('layers.1.'));
    await changeConfig({ base_model_name_or_path: 'their/base' });
    await expect(load(dir, shorter)).rejects.toMatchObject(
      refusal('LORA_BASE_MISMATCH', 'for another base (their/base): the base has no linear module model.layers.1.'),
    );
  });

  it('of single experts, with the reason', async () => {
    const name = 'base_model.model.model.layers.0.mlp.experts.3.gate_proj.lora_A.weight';
    await changeTensors((tensors) => tensors.set(name, tensorOf('float32', [4, 32], new Float32Array(128))));
    const experts = { path: 'model.layers.0.mlp.experts.gate_up_proj', in: 128, out: 256, experts: 4 };
    await expect(load(dir, [...linears, { ...experts, kind: 'experts' }])).rejects.toMatchObject(
      refusal(
        'LORA_BASE_MISMATCH',
        'adapters of single experts, as PEFT made them before transformers 5, are not read',
      ),
    );
  });

  it('when the base has more layers', async () => {
    const longer = [...linears, { path: 'model.layers.2.self_attn.q_proj', in: 32, out: 32 }];
    await expect(load(dir, longer)).rejects.toMatchObject(
      refusal('LORA_TENSORS_INVALID', 'missing base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight'),
    );
  });

  it('when the base is of another family', async () => {
    const other = [{ path: 'transformer.h.0.attn.c_attn', in: 32, out: 96 }];
    await expect(load(dir, other)).rejects.toMatchObject(refusal('LORA_BASE_MISMATCH', 'and 9 more'));
  });

  it.each([
    ['no JSON', 'peft'],
    ['half of it', '{"peft_type":'],
    ['an array', '[]'],
    ['null', 'null'],
    ['no target', '{"peft_type":"LORA"}'],
    ['bytes that are no text', '\ud800'],
  ])('with %s for a configuration', async (_, text) => {
    await writeFile(join(dir, 'adapter_config.json'), text);
    await expect(load(dir)).rejects.toMatchObject({ code: 'LORA_CONFIG_INVALID' });
  });

  it('with a truncated or lying weights file', async () => {
    const path = join(dir, 'adapter_model.safetensors');
    const sound = await readFile(path);
    await writeFile(path, sound.subarray(0, sound.length - 1));
    await expect(load(dir)).rejects.toMatchObject({ code: 'SAFETENSORS_TRUNCATED' });
    const lying = Buffer.from(sound);
    lying.writeBigUInt64LE(9_000_000n);
    await writeFile(path, lying);
    await expect(load(dir)).rejects.toMatchObject({ code: 'SAFETENSORS_HEADER_TOO_LARGE' });
  });

  it('when the path is a file, or a file of it is a folder', async () => {
    await expect(load(join(dir, 'adapter_config.json'))).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
    await rm(join(dir, 'adapter_model.safetensors'));
    await mkdir(join(dir, 'adapter_model.safetensors'));
    await expect(load(dir)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('with a configuration of a terabyte, of which nothing is read', async () => {
    await truncate(join(dir, 'adapter_config.json'), 1e12);
    await expect(load(dir)).rejects.toMatchObject(refusal('LORA_CONFIG_INVALID', 'more than 1000000 bytes'));
  });

  it('with a pattern that would run for years, in moments', async () => {
    await changeConfig({ target_modules: '(([a-z._0-9])+)+!' });
    await expect(load(dir)).rejects.toMatchObject({ code: 'LORA_PATTERN_INVALID' });
  });
});

describe('an adapter is taken', () => {
  it.each(['float16', 'bfloat16', 'float64'] as const)('with %s weights, as f32', async (dtype) => {
    await changeTensors((tensors) => {
      for (const [name, tensor] of tensors) tensors.set(name, tensorOf(dtype, tensor.shape, toFloat32(tensor)));
    });
    const { modules } = await load(dir);
    const { modules: exact } = await load(goldenFolder('llama', 'trained'));
    for (const [path, { a, b }] of modules) {
      expect([a.dtype, b.dtype]).toEqual(['float32', 'float32']);
      const original = exact.get(path);
      const [got, want] = [toFloat32(a), original ? toFloat32(original.a) : new Float32Array()];
      expect(Math.max(...got.map((value, i) => Math.abs(value - (want[i] ?? NaN))))).toBeLessThan(1e-3);
    }
  });

  it('with a target in its list that the base does not have, as in PEFT', async () => {
    const config = JSON.parse(await readFile(join(dir, 'adapter_config.json'), 'utf8')) as { target_modules: string[] };
    await changeConfig({ target_modules: [...config.target_modules, 'c_attn'] });
    expect((await load(dir)).modules.size).toBe(14);
  });
});
