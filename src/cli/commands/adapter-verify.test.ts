import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAdapter, writeAdapter } from '../../adapter-files/index.ts';
import { espalier, goldenFolder } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const golden = goldenFolder('llama');
const adapter = join(golden, 'adapter');

describe('espalier adapter verify', () => {
  it('says what it found in an adapter that fits its base', async () => {
    const { exitCode, stdout } = await espalier([
      'adapter',
      'verify',
      adapter,
      '--base',
      join(golden, 'model'),
      '--json',
    ]);
    expect(exitCode).toBe(0);
    const answer: unknown = JSON.parse(stdout);
    expect(answer).toMatchObject({ sound: true, format: 'peft', remarks: [] });
    expect(answer).toHaveProperty('modules.length', 14);
  });

  it('says what is wrong, and fails', async () => {
    const broken = join(folder, 'broken');
    await cp(adapter, broken, { recursive: true });
    const bytes = await readFile(join(broken, 'adapter_model.safetensors'));
    await writeFile(join(broken, 'adapter_model.safetensors'), bytes.subarray(0, -4));
    const { exitCode, stdout } = await espalier(['adapter', 'verify', broken, '--json']);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ sound: false, problem: { code: 'SAFETENSORS_TRUNCATED' } });
  });

  it('refuses an adapter of another base', async () => {
    const other = join(goldenFolder('llama-d16'), 'model');
    const { exitCode, stdout } = await espalier(['adapter', 'verify', adapter, '--base', other]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('LORA_BASE_MISMATCH');
  });

  it('refuses one that was trained on another base of the same sizes, unless it is told to take it', async () => {
    const trained = join(folder, 'trained.bin');
    const baseFingerprint = `checkpoint-1:${'0'.repeat(64)}`;
    await writeAdapter(trained, { ...(await readAdapter(adapter)), baseFingerprint }, { format: 'bin' });
    const words = ['adapter', 'verify', trained, '--base', join(golden, 'model')];
    const { exitCode, stdout } = await espalier(words);
    expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/was trained on another base.*--any-base/s)]);
    expect(await espalier([...words, '--any-base'])).toMatchObject({ exitCode: 0 });
    const converted = ['adapter', 'convert', trained, join(folder, 'c'), '--base', join(golden, 'model')];
    expect(await espalier(converted)).toMatchObject({ exitCode: 1 });
    expect(await espalier([...converted, '--any-base'])).toMatchObject({ exitCode: 0 });
  });
});

describe('espalier inspect', () => {
  it('tells what a file of another format holds', async () => {
    const file = join(folder, 'a.bin');
    await espalier(['adapter', 'convert', adapter, file]);
    const { stdout } = await espalier(['inspect', file, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'adapter', format: 'bin', saved: [] });
  });
});

describe('espalier adapter diff', () => {
  it('finds a conversion the same, and a trained adapter another', async () => {
    const onnx = join(folder, 'a.onnx_adapter');
    await espalier(['adapter', 'convert', adapter, onnx]);
    const same = await espalier(['adapter', 'diff', adapter, onnx, '--json']);
    expect(JSON.parse(same.stdout)).toMatchObject({ equal: true, onlyInFirst: [], onlyInSecond: [] });
    const other = await espalier(['adapter', 'diff', adapter, join(golden, 'trained')]);
    expect(other.exitCode).toBe(0);
    expect(other.stdout).toContain('0 of 14 modules that both have are the same');
  });
});
