import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fingerprintBase, openBaseModel, type BaseModel } from '../../models/index.ts';
import { quantizeBase } from '../../quantize/index.ts';
import { loadSafetensors, openSafetensors, tensorOf, toFloat32, writeSafetensors } from '../../tensor/index.ts';
import { goldenFolder } from '../testing/golden-linears.ts';
import { mergeCheckpoint } from '../tools/merge/merge-checkpoint.ts';
import { baseChecks } from './base-checks.ts';
import { inspectAdapter } from './inspect-adapter.ts';
import { loadAdapter, readAdapter, type ReadAdapter } from './read-adapter.ts';
import { writeAdapter } from './write-adapter.ts';

let folder = '';
let base: BaseModel;
let other: BaseModel;
/** An adapter that carries the fingerprint of `base`. */
let adapter: ReadAdapter;
const place = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  const dir = goldenFolder('llama', 'model');
  base = await openBaseModel(dir);
  await cp(dir, place('other'), { recursive: true });
  const { tensors } = await loadSafetensors(join(dir, 'model.safetensors'));
  const moved = [...tensors].map(([name, tensor]) => {
    const values = toFloat32(tensor).map((value) => value * 1.01);
    return [name, tensorOf('float32', tensor.shape, values)] as const;
  });
  await writeSafetensors(join(place('other'), 'model.safetensors'), moved);
  other = await openBaseModel(place('other'));
  const plain = await loadAdapter(goldenFolder('llama', 'trained'), base.modules);
  adapter = { ...plain, baseFingerprint: await fingerprintBase(base) };
  await writeAdapter(place('peft'), adapter, { format: 'peft' });
  await writeAdapter(place('a.bin'), adapter, { format: 'bin' });
  await writeAdapter(place('a.onnx_adapter'), adapter, { format: 'onnx' });
});
afterAll(() => rm(folder, { recursive: true }));

const mismatch = async (): Promise<object> => ({
  code: 'ADAPTER_BASE_MISMATCH',
  details: expect.objectContaining({
    trained: expect.stringContaining(adapter.baseFingerprint ?? 'none') as string,
    fingerprint: await fingerprintBase(other),
  }) as object,
});

describe('an adapter with the fingerprint of its base', () => {
  it.each(['peft', 'a.bin'])('as %s is refused for another base, before its numbers are read', async (name) => {
    const [checks, expected] = [await baseChecks(other), await mismatch()];
    await expect(loadAdapter(place(name), other.modules, checks)).rejects.toMatchObject(expected);
    await expect(inspectAdapter(place(name), other.modules, checks)).rejects.toMatchObject(expected);
  });

  it.each(['peft', 'a.bin'])('as %s is taken by its base, and by any base where the caller says so', async (name) => {
    const { digest, baseFingerprint } = adapter;
    const loaded = await loadAdapter(place(name), base.modules, await baseChecks(base));
    expect(loaded).toMatchObject({ digest, baseFingerprint });
    const checks = await baseChecks(other, { anyBase: true });
    expect(await loadAdapter(place(name), other.modules, checks)).toMatchObject({ digest });
  });

  it('keeps it from PEFT to .bin and back; .onnx_adapter has no place for it', async () => {
    await writeAdapter(place('again.bin'), await readAdapter(place('peft')), { format: 'bin' });
    await writeAdapter(place('again'), await readAdapter(place('again.bin')), { format: 'peft' });
    const { metadata } = await openSafetensors(join(place('again'), 'adapter_model.safetensors'));
    expect(metadata).toEqual({ format: 'pt', 'espalier.base_fingerprint': adapter.baseFingerprint });
    const bare = await loadAdapter(place('a.onnx_adapter'), other.modules, await baseChecks(other));
    expect(bare.baseFingerprint).toBeUndefined();
  });

  it('is the same version as without: the fingerprint is no part of what it does', async () => {
    await writeAdapter(place('bare'), { ...adapter, baseFingerprint: undefined }, { format: 'peft' });
    const bare = await loadAdapter(place('bare'), other.modules, await baseChecks(other));
    expect(bare).toMatchObject({ digest: adapter.digest, baseFingerprint: undefined });
  });

  it.each(['"checkpoint-1:12"', '7', 'null'])('is malformed as .bin where it is %s', async (text) => {
    const told = { ...adapter, baseFingerprint: JSON.parse(text) as string };
    await writeAdapter(place('bad.bin'), told, { format: 'bin', replace: true });
    await expect(readAdapter(place('bad.bin'))).rejects.toMatchObject({
      code: 'BIN_ADAPTER_MALFORMED',
      message: expect.stringContaining('is no fingerprint') as string,
    });
  });
});

describe('a base made from another', () => {
  it.each([
    ['blocks', 8],
    ['blocks', 4],
    ['int8', 8],
  ] as const)('takes the adapters of the floats that it was quantized from: %s of %i bits', async (scheme, bits) => {
    const output = place(`${scheme}-${bits}`);
    await quantizeBase(base, output, { scheme, bits, blockSize: 16, activations: 'float32', keep: [] });
    const quantized = await openBaseModel(output);
    expect(await fingerprintBase(quantized)).toBe(adapter.baseFingerprint);
    const checks = await baseChecks(quantized);
    expect(await loadAdapter(place('peft'), quantized.modules, checks)).toMatchObject({ digest: adapter.digest });
  });

  it('is another base where an adapter was merged into it', async () => {
    const marked = place('marked');
    await cp(base.dir, marked, { recursive: true });
    const file = join(marked, 'model.safetensors');
    const metadata = { 'espalier.base_fingerprint': adapter.baseFingerprint ?? '' };
    await writeSafetensors(file, (await loadSafetensors(file)).tensors, { metadata });
    const source = await openBaseModel(marked);
    expect(await fingerprintBase(source)).toBe(adapter.baseFingerprint);
    await mergeCheckpoint({
      base: source,
      adapters: [{ modules: adapter.modules, scale: 1 }],
      output: place('merged'),
    });
    expect(await fingerprintBase(await openBaseModel(place('merged')))).not.toBe(adapter.baseFingerprint);
  });
});
