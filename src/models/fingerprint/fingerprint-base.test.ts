import { cp, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  loadSafetensors,
  numberToBfloat16,
  tensorOf,
  toFloat32,
  writeSafetensors,
  type TensorData,
} from '../../tensor/index.ts';
import { openBaseModel } from '../open-base-model.ts';
import { fingerprintBase } from './fingerprint-base.ts';
import { fingerprintKey, isOtherBase, readFingerprint } from './fingerprint-text.ts';

const golden = (...parts: string[]): string =>
  fileURLToPath(new URL(`../../../test/golden/${parts.join('/')}`, import.meta.url));

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  await cp(golden('llama', 'model'), folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const fingerprint = async (dir = folder): Promise<string> => fingerprintBase(await openBaseModel(dir));
const weightsFile = (): string => join(folder, 'model.safetensors');

/** Writes the weights anew, as one file, each as `change` makes it. */
async function rewrite(
  change: (tensor: TensorData, name: string) => TensorData,
  metadata: Record<string, string> = {},
): Promise<void> {
  const { tensors } = await loadSafetensors(weightsFile());
  const changed = [...tensors].map(([name, tensor]) => [name, change(tensor, name)] as const);
  await writeSafetensors(weightsFile(), changed, { metadata });
}

const asBfloat16 = (tensor: TensorData): TensorData => {
  const halves = Uint16Array.from(toFloat32(tensor), numberToBfloat16);
  return { dtype: 'bfloat16', shape: tensor.shape, bytes: new Uint8Array(halves.buffer) };
};

describe('fingerprintBase', () => {
  it('is that of the weights, wherever they lie and whatever the configuration says', async () => {
    const own = await fingerprint(golden('llama', 'model'));
    expect(own).toMatch(/^checkpoint-1:[\da-f]{64}$/);
    const path = join(folder, 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...config, max_position_embeddings: 77 }));
    expect(await fingerprint()).toBe(own);

    const { tensors } = await loadSafetensors(weightsFile());
    const all = [...tensors];
    await writeSafetensors(join(folder, 'one.safetensors'), all.slice(0, 5));
    await writeSafetensors(join(folder, 'two.safetensors'), all.slice(5));
    const places = Object.fromEntries(all.map(([name], i) => [name, i < 5 ? 'one.safetensors' : 'two.safetensors']));
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: places }));
    await rm(weightsFile());
    expect(await fingerprint()).toBe(own);
  });

  it('is the same for f32 and bf16, and for bf16 that was widened', async () => {
    const own = await fingerprint();
    await rewrite(asBfloat16);
    expect(await fingerprint()).toBe(own);
    await rewrite((tensor) => tensorOf('float32', tensor.shape, toFloat32(tensor)));
    expect(await fingerprint()).toBe(own);
  });

  it('is another one when any one tensor was trained, by however little', async () => {
    const own = await fingerprint();
    const { tensors } = await loadSafetensors(weightsFile());
    const original = await readFile(weightsFile());
    const some = [...tensors.keys()].filter((name) =>
      /embed|layers\.1.*(norm|q_proj|down_proj)|model\.norm/.test(name),
    );
    expect(some).toHaveLength(6);
    for (const trained of some) {
      await rewrite((tensor, name) => {
        if (name !== trained) return tensor;
        return tensorOf(
          'float32',
          tensor.shape,
          toFloat32(tensor).map((value) => value + 1e-3 * (Math.abs(value) + 0.01)),
        );
      });
      expect([trained, await fingerprint()]).not.toEqual([trained, own]);
      await writeFile(weightsFile(), original);
    }
  });

  it('is another one when the last element changed', async () => {
    const own = await fingerprint();
    {
      await using file = await open(weightsFile(), 'r+');
      const { size } = await file.stat();
      await file.write(Uint8Array.of(1, 2, 3, 4), 0, 4, size - 4);
    }
    expect(await fingerprint()).not.toBe(own);
  });

  it('is what the files carry, where all of them carry the same', async () => {
    const own = await fingerprint();
    const carried = `checkpoint-1:${'ab'.repeat(32)}`;
    await rewrite((tensor) => tensor, { [fingerprintKey]: carried });
    expect(await fingerprint()).toBe(carried);
    await rewrite((tensor) => tensor, { [fingerprintKey]: 'no fingerprint' });
    expect(await fingerprint()).toBe(own);
  });

  it('tells ONNX files apart, and those with integers from those without', async () => {
    const [float, int4, other] = await Promise.all([
      fingerprint(golden('llama-d16', 'genai-fp32')),
      fingerprint(golden('llama-d16', 'genai-int4')),
      fingerprint(golden('llama-d16', 'merged')),
    ]);
    expect(float).toMatch(/^onnx-1:/);
    expect(int4).toMatch(/^onnx-quantized-1:/);
    expect(other).not.toBe(float);
  });
});

describe('isOtherBase', () => {
  const [one, two] = [`checkpoint-1:${'1'.repeat(64)}`, `checkpoint-1:${'2'.repeat(64)}`];
  it('compares fingerprints of one form and version, and no others', () => {
    expect(isOtherBase(one, one)).toBe(false);
    expect(isOtherBase(one, two)).toBe(true);
    expect(isOtherBase(one, two.replace('checkpoint', 'onnx'))).toBe(false);
    expect(isOtherBase(one, two.replace('-1', '-2'))).toBe(false);
  });

  it.each([undefined, '', 'checkpoint-1:12', `${one}\n`, `\u001b[2J${one}`, one.toUpperCase()])(
    'takes %j for no fingerprint',
    (text) => {
      expect(readFingerprint(text)).toBeUndefined();
      expect(readFingerprint(one)).toBe(one);
    },
  );
});
