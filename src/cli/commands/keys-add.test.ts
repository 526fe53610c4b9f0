import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { espalier } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-keys-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('espalier keys add', () => {
  it('prints a key, and keeps its hash alone', async () => {
    const file = join(folder, 'keys.yaml');
    const one = await espalier(['keys', 'add', 'acme', '--file', file, '--models', 'acme/*,base']);
    const two = await espalier(['keys', 'add', 'operator', '--file', file, '--models', '*', '--admin', '--json']);
    expect([one.exitCode, two.exitCode]).toEqual([0, 0]);
    const key = one.stdout.trim();
    expect(key).toMatch(/^esp-[\w-]{43}$/);
    expect(JSON.parse(two.stdout)).toMatchObject({ name: 'operator', models: ['*'], admin: true });
    const text = await readFile(file, 'utf8');
    expect([text.includes(key), text.includes('acme'), text.includes('operator')]).toEqual([false, true, true]);
  });

  it.skipIf(process.platform === 'win32')('makes the file for its owner alone', async () => {
    const file = join(folder, 'keys.yaml');
    await espalier(['keys', 'add', 'acme', '--file', file, '--models', 'acme/*']);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('changes nothing if the name is taken', async () => {
    const file = join(folder, 'keys.yaml');
    const add = ['keys', 'add', 'acme', '--file', file, '--models', 'acme/*'];
    await espalier(add);
    const before = await readFile(file, 'utf8');
    const { exitCode, stderr } = await espalier(add);
    expect([exitCode, await readFile(file, 'utf8')]).toEqual([1, before]);
    expect(stderr).toContain('two keys have the name acme');
  });
});
