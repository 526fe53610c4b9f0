import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogitDrift } from '../../evaluate/index.ts';
import { loadSafetensors, openSafetensors, toFloat32, writeSafetensors } from '../../tensor/index.ts';
import { espalier, goldenFolder } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const golden = goldenFolder('llama');
const base = join(golden, 'model');
const adapter = join(golden, 'adapter');

interface Answer {
  readonly changed: number;
  readonly drift: LogitDrift;
}

async function merge(...words: string[]): Promise<Answer> {
  const { exitCode, stdout } = await espalier(['adapter', 'merge', ...words, '--json']);
  expect(exitCode === 0 ? '' : stdout).toBe('');
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as Answer;
}

const score = async (words: string[]): Promise<number[]> => {
  const { stdout } = await espalier(['score', ...words, '--input-ids', '1,17,9,3,64,22', '--json']);
  return (JSON.parse(stdout) as { logprobs: number[] }).logprobs.slice(1);
};

describe('espalier adapter merge', () => {
  it('writes a checkpoint that is as the base with the adapter, to 1e-4', async () => {
    const output = join(folder, 'merged');
    const { changed, drift } = await merge('--base', base, '--adapter', adapter, '--output', output, '--dtype', 'f32');
    expect(changed).toBe(14);
    expect(drift.max).toBeLessThan(1e-4);
    expect(drift.agreement).toBe(1);
    const expected = await score(['--base', base, '--adapter', adapter]);
    const actual = await score(['--base', output]);
    expected.forEach((value, i) => expect(actual[i]).toBeCloseTo(value, 4));
    expect((await readdir(output)).sort()).toEqual((await readdir(base)).sort());
  });

  it('measures the drift of magnitudes too, and says where it cannot', async () => {
    const adapters = join(golden, '..', 'adapters');
    const dora = join(adapters, 'dora', 'adapter');
    const merged = await merge('--base', base, '--adapter', dora, '--output', join(folder, 'dora'));
    expect(merged.drift.max).toBeLessThan(1e-4);
    const whole = join(adapters, 'modules-to-save', 'adapter');
    const unmeasured = await merge('--base', base, '--adapter', whole, '--output', join(folder, 'whole'));
    expect(unmeasured.drift).toBeNull();
  });

  it('adds several adapters, each with its strength; together they may cancel', async () => {
    const output = join(folder, 'none');
    const both = ['--adapter', adapter, '--adapter', `${adapter}=-1`];
    await merge('--base', base, ...both, '--output', output, '--dtype', 'f32');
    const { tensors } = await loadSafetensors(join(output, 'model.safetensors'));
    const { tensors: before } = await loadSafetensors(join(base, 'model.safetensors'));
    for (const [name, tensor] of before) {
      const merged = tensors.get(name);
      const values = merged ? toFloat32(merged) : [];
      toFloat32(tensor).forEach((value, i) => expect(values[i]).toBeCloseTo(value, 6));
    }
  });

  it('rounds to bf16 once, says how far that is, and refuses over the bound', async () => {
    const output = join(folder, 'half');
    const words = ['--base', base, '--adapter', adapter, '--output', output, '--dtype', 'bf16'];
    const { drift } = await merge(...words);
    expect(drift.max).toBeGreaterThan(1e-5);
    expect(JSON.parse(await readFile(join(output, 'config.json'), 'utf8'))).toMatchObject({ dtype: 'bfloat16' });
    const { entries } = await openSafetensors(join(output, 'model.safetensors'));
    expect(new Set(Array.from(entries.values(), ({ dtype }) => dtype))).toEqual(new Set(['bfloat16']));
    const again = join(folder, 'strict');
    const refused = await espalier([
      'adapter',
      'merge',
      ...words.slice(0, 5),
      again,
      '--dtype',
      'bf16',
      '--max-drift',
      '0',
    ]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('Nothing was written');
    expect(await readdir(folder)).toEqual(['half']);
    await merge(...words.slice(0, 5), again, '--dtype', 'bf16', '--max-drift', '0', '--force');
  });

  it('keeps the shards of the base', async () => {
    const sharded = join(folder, 'sharded');
    await cp(base, sharded, { recursive: true });
    const { tensors } = await loadSafetensors(join(base, 'model.safetensors'));
    await rm(join(sharded, 'model.safetensors'));
    const names = [...tensors.keys()];
    const shardOf = (name: string): string => `model-0000${1 + (names.indexOf(name) % 2)}-of-00002.safetensors`;
    for (const shard of new Set(names.map(shardOf))) {
      await writeSafetensors(
        join(sharded, shard),
        [...tensors].filter(([name]) => shardOf(name) === shard),
      );
    }
    const weightMap = Object.fromEntries(names.map((name) => [name, shardOf(name)]));
    await writeFile(join(sharded, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
    const output = join(folder, 'merged');
    const { drift } = await merge('--base', sharded, '--adapter', adapter, '--output', output);
    expect(drift.max).toBeLessThan(1e-4);
    const index = JSON.parse(await readFile(join(output, 'model.safetensors.index.json'), 'utf8')) as object;
    expect(index).toMatchObject({ weight_map: weightMap });
  });
});
