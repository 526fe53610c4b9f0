import { cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../src/core/index.ts';
import { resultOf, runChild } from './killed-training.ts';

/** A training whose newest checkpoint was damaged before it was resumed. */
export interface DamagedTraining {
  /** What was done to which file. */
  readonly damage: string;
  /** Whether the checkpoint was refused, by its name. */
  readonly isRefused: boolean;
  readonly result: string;
}

/** A training that was killed and has left at least two checkpoints. */
export interface LeftCheckpoints {
  readonly program: string;
  readonly flags: Readonly<Record<string, unknown>>;
  /** The output path, beside which the checkpoints lie. */
  readonly output: string;
}

/**
 * Ends a training by SIGKILL before its last checkpoint is written.
 * @throws if it leaves no second checkpoint, which could be used in the place of a damaged one
 */
export async function leaveCheckpoints(left: LeftCheckpoints, { killAt }: { killAt: number }): Promise<void> {
  await runChild(left.program, { flags: { ...left.flags, output: left.output }, killAt });
  const steps = await stepsOf(left.output);
  if (steps.length < 2) throw new Error(`a training killed at write ${killAt} has left ${steps.join(', ')}`);
}

/** Damages the newest checkpoint in one random place of a copy, and resumes the training. */
export async function trainDamaged(left: LeftCheckpoints, random: Random): Promise<DamagedTraining> {
  const output = `${left.output}-damaged`;
  await cp(`${left.output}.checkpoints`, `${output}.checkpoints`, { recursive: true });
  const newest = (await stepsOf(output)).at(-1) ?? '';
  const damage = await damageOne(join(`${output}.checkpoints`, newest), random);
  try {
    const { events } = await runChild(left.program, { flags: { ...left.flags, output, resume: true } });
    const isRefused = events.some((event) => event.startsWith('warned') && event.includes(`${newest} is refused`));
    return { damage, isRefused, result: await resultOf(output) };
  } finally {
    for (const each of [output, `${output}.checkpoints`]) await rm(each, { recursive: true, force: true });
  }
}

async function stepsOf(output: string): Promise<string[]> {
  const names = await readdir(`${output}.checkpoints`);
  return names.filter((name) => name.startsWith('step-')).sort();
}

async function damageOne(checkpoint: string, random: Random): Promise<string> {
  const names = (await readdir(checkpoint)).sort();
  const name = names[random.integer(names.length)] ?? '';
  const path = join(checkpoint, name);
  const { size } = await stat(path);
  const place = random.integer(size);
  if (random.uniform() < 0.5) {
    await truncate(path, place);
    return `${name} cut off at ${place} of ${size}`;
  }
  const bytes = await readFile(path);
  const bit = random.integer(8);
  bytes[place] = (bytes[place] ?? 0) ^ (1 << bit);
  await writeFile(path, bytes);
  return `${name} with bit ${bit} of byte ${place} turned`;
}
