import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/index.ts';
import { packageRoot } from '../root.ts';
import { leaveCheckpoints, trainDamaged } from './damaged-checkpoints.ts';
import { resultOf, runChild, trainingFlags, trainThrough, type Kills } from './killed-training.ts';

/** A small part of `npm run soak -- training`, always the same. */
describe('a training that is ended by SIGKILL and resumed', () => {
  let folder: string;
  let built: string;
  let training: { program: string; folder: string; flags: Record<string, unknown> };
  let writes: number;
  let expected: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'espalier-killed-'));
    // WHY inside the package: the compiled code finds its dependencies there. WHY compiled: a process of its own runs it.
    built = await mkdtemp(join(packageRoot, 'node_modules', '.espalier-killed-'));
    const compiler = join(packageRoot, 'node_modules/typescript/bin/tsc');
    const words = [compiler, '-p', join(packageRoot, 'soak/tsconfig.json'), '--outDir', built];
    await promisify(execFile)(process.execPath, words);
    const flags = await trainingFlags(folder);
    training = { program: join(built, 'soak/training/child.js'), folder, flags };
    const output = join(folder, 'whole');
    ({ writes } = await runChild(training.program, { flags: { ...flags, output } }));
    expected = await resultOf(output);
  }, 180_000);
  afterAll(async () => {
    for (const each of [folder, built]) await rm(each, { recursive: true, force: true });
  });

  it('ends in the bytes of one that was not, wherever it is killed', async () => {
    expect(writes).toBeGreaterThan(30);
    // Within parts, before and after a rename, and from outside at any moment.
    const killed: Kills = { orders: [7, 8, 12].map((killAt) => ({ killAt })), killAfterMs: [700] };
    const { kills, result, leftOver } = await trainThrough(training, killed);
    expect(kills).toBeGreaterThanOrEqual(3);
    expect(leftOver).toEqual([]);
    expect(result).toBe(expected);
  }, 180_000);

  it('ends in the bytes of one that was not, when the disk was full as well', async () => {
    const { result } = await trainThrough(training, { orders: [{ killAt: 14 }, { fullFrom: 5 }], killAfterMs: [] });
    expect(result).toBe(expected);
  }, 120_000);

  it('does not go on from a checkpoint that was damaged, says so by its name, and ends in the same bytes', async () => {
    const left = { ...training, output: join(folder, 'left') };
    await leaveCheckpoints(left, { killAt: writes - 2 });
    const damaged = await trainDamaged(left, createRandom(1, 'damage'));
    expect(damaged).toEqual({ damage: expect.any(String), isRefused: true, result: expected });
  }, 120_000);

  it('would be seen to differ if the optimizer forgot how many steps it has taken', async () => {
    const killed = { orders: [{ killAt: writes - 2 }], killAfterMs: [] };
    const { kills, result } = await trainThrough(training, killed, { isBroken: true });
    expect(kills).toBe(1);
    expect(result).not.toBe(expected);
  }, 120_000);
});
