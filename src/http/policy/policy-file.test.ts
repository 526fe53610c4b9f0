import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, EspalierError, onAdapterEvent } from '../../core/index.ts';
import { minisigner } from '../../trust/testing/test-signers.ts';
import { FakeTimers } from '../../core/testing/fake-timers.ts';
import { PolicyFile, type PolicyFollower } from './policy-file.ts';

const version = 'a'.repeat(64);
let folder: string;
let path: string;
let file: PolicyFile;
let listening: Disposable;
let events: AdapterEvent[];
let replaced: number;
let check: PolicyFollower['check'];
const timers = new FakeTimers();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  path = join(folder, 'policy.yaml');
  [events, replaced, check] = [[], 0, () => Promise.resolve()];
  listening = onAdapterEvent((event) => events.push(event));
});
afterEach(async () => {
  file[Symbol.dispose]();
  listening[Symbol.dispose]();
  await rm(folder, { recursive: true });
});

async function open(text: string): Promise<void> {
  await writeFile(path, text);
  file = await PolicyFile.open(path, timers);
  file.follow({
    check: (next, before) => check(next, before),
    replaced: () => Promise.resolve(void replaced++),
  });
}
/** Two looks, since a file counts when two have seen the same. */
async function looked(): Promise<void> {
  await file.look();
  await file.look();
}
const told = (): unknown[] => events.map(({ event, result, error }) => [event, result, codeOf(error)]);
const codeOf = (error: unknown): string | undefined => (EspalierError.isInstance(error) ? error.code : undefined);

describe('PolicyFile', () => {
  it('puts a new policy in force as a whole, and tells of it', async () => {
    await open('{}');
    await writeFile(path, `adapters: { unsigned: allow, revoked: ['${version}'] }`);
    await file.look();
    expect([file.current.takesUnsigned, replaced]).toEqual([false, 0]);
    await file.look();
    expect([file.current.takesUnsigned, file.current.revoked.has(version), replaced]).toEqual([true, true, 1]);
    expect(told()).toEqual([['policy', 'done', undefined]]);
    await looked();
    expect(replaced).toBe(1);
  });

  it.each([
    ['cannot be read as YAML', async () => writeFile(path, 'adapters: ['), 'POLICY_INVALID'],
    ['has a rule that is misspelt', async () => writeFile(path, 'adapters: { unsinged: allow }'), 'POLICY_INVALID'],
    ['is gone', async () => rm(path), 'FILE_NOT_FOUND'],
    [
      'does not fit what is served',
      async () => {
        check = () => Promise.reject(new EspalierError('BASE_NOT_ALLOWED', { base: 'b', problem: 'p', policy: path }));
        await writeFile(path, 'adapters: { unsigned: allow, revoked: [] }');
      },
      'BASE_NOT_ALLOWED',
    ],
  ])('keeps the policy from before where the new one %s, and tells it once', async (_what, change, code) => {
    await open('adapters: { unsigned: allow }');
    const { current } = file;
    await change();
    await looked();
    await looked();
    expect([file.current === current, file.isRefused, replaced]).toEqual([true, true, 0]);
    expect(told()).toEqual([['policy', 'refused', code]]);
    check = () => Promise.resolve();
    await writeFile(path, 'adapters: { unsigned: refuse }');
    await looked();
    expect([file.current.takesUnsigned, file.isRefused, replaced]).toEqual([false, false, 1]);
  });

  it('reads again when the file of a key changes, also of one that was missing', async () => {
    const [first, second] = [minisigner(), minisigner()];
    const keyFile = join(folder, 'trainer.pub');
    await writeFile(keyFile, first.publicKey);
    await open("signers: [{ name: trainer, key_file: trainer.pub, adapters: ['*'] }]");
    const label = (): unknown => file.current.signers.map(({ key }) => key.label);
    const before = label();
    await writeFile(join(folder, 'new'), second.publicKey);
    await rename(join(folder, 'new'), keyFile);
    await looked();
    expect([label(), replaced]).not.toEqual([before, 0]);
    expect(replaced).toBe(1);
    const third = join(folder, 'partner.pub');
    await writeFile(path, "signers: [{ name: partner, key_file: partner.pub, adapters: ['*'] }]");
    await looked();
    expect(file.isRefused).toBe(true);
    await writeFile(third, first.publicKey);
    await looked();
    expect([label(), file.isRefused]).toEqual([before, false]);
  });

  it('looks every second until it is disposed', async () => {
    await open('{}');
    expect(timers.waiting).toBe(1);
    file[Symbol.dispose]();
    expect(timers.waiting).toBe(0);
  });
});
