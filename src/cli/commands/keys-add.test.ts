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
    expect(JSON.parse(two.stdout)).toMatchObject({ name: 'operator', models: ['*'], roles: ['admin'] });
    const text = await readFile(file, 'utf8');
    expect([text.includes(key), text.includes('acme'), text.includes('operator')]).toEqual([false, true, true]);
  });

  it('takes roles, and refuses others and two ways to say them', async () => {
    const file = join(folder, 'keys.yaml');
    const add = (...words: string[]): ReturnType<typeof espalier> =>
      espalier(['keys', 'add', 'eyes', '--file', file, '--models', '*', ...words]);
    for (const [words, text] of [
      [['--roles', 'reed'], 'infer, read, admin'],
      [['--roles', 'read', '--admin'], 'Give --admin or --roles, got both'],
    ] as const) {
      const { exitCode, stderr } = await add(...words);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(text)]);
    }
    expect((await add('--roles', 'read,infer')).exitCode).toBe(0);
    expect(await readFile(file, 'utf8')).toContain('roles:');
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
