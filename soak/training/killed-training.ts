import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Random } from '../../src/core/index.ts';
import { tinyBase } from '../root.ts';

/** What a child is told to do. */
export interface TrainingOrder {
  readonly flags: Readonly<Record<string, unknown>>;
  /** The write, counted from 1, before which it ends itself by SIGKILL. */
  readonly killAt?: number | undefined;
  /** From this write on the disk is full. */
  readonly fullFrom?: number | undefined;
  /** Whether the optimizer forgets how many steps it has taken. */
  readonly isBroken?: boolean;
}

/** How a child ended. */
export interface EndedTraining {
  readonly isKilled: boolean;
  readonly events: readonly string[];
  /** Operations that change the disk, of a child that was not killed. */
  readonly writes: number;
}

export interface RunChildOptions {
  /** After this time the child is ended from outside, wherever it is. */
  readonly killAfterMs?: number;
}

/** Runs one training in a process of its own. @throws if the training fails */
export async function runChild(
  program: string,
  order: TrainingOrder,
  { killAfterMs }: RunChildOptions = {},
): Promise<EndedTraining> {
  const child = spawn(process.execPath, [program, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (piece) => (out += String(piece)));
  child.stderr.on('data', (piece) => (err += String(piece)));
  const closed = once(child, 'close');
  if (killAfterMs !== undefined) {
    await Promise.race([closed, setTimeout(killAfterMs)]);
    child.kill('SIGKILL');
  }
  await closed;
  const isKilled = child.signalCode === 'SIGKILL';
  if (!isKilled && child.exitCode !== 0) throw new Error(`the training ended with ${child.exitCode}: ${err}`);
  const events = out.split('\n').filter((line) => line !== '' && !line.startsWith('writes '));
  return { isKilled, events, writes: Number(/writes (\d+)/.exec(out)?.[1] ?? 0) };
}

/** A training of nine steps, of which each second one is saved, over rows that it goes through more than twice. */
export async function trainingFlags(folder: string): Promise<Record<string, unknown>> {
  const data = join(folder, 'rows.jsonl');
  const rows = Array.from({ length: 7 }, (_, row) =>
    JSON.stringify({ input_ids: Array.from({ length: 4 + 2 * row }, (__, i) => 3 + ((7 * row + 5 * i) % 40)) }),
  );
  await writeFile(data, rows.join('\n'));
  const size = { rank: 2, batchSize: 2, accumulate: 2, maxSteps: 9, saveSteps: 2 };
  return { base: tinyBase, data, evalData: data, evalSteps: 3, dropout: 0.3, learningRate: 1e-2, seed: 3, ...size };
}

/** Every byte of a result; of its metrics without what depends on the clock. */
export async function resultOf(output: string): Promise<string> {
  const parts: string[] = [];
  for (const name of (await readdir(output)).sort()) {
    const bytes = await readFile(join(output, name));
    const text = bytes.toString(name.endsWith('.safetensors') ? 'base64' : 'utf8');
    parts.push(name, text.replaceAll(/,"tokensPerSecond":[^,}]*/g, ''));
  }
  return parts.join('\n');
}

/** Kills of one training, until it has ended. */
export interface Kills {
  readonly orders: readonly Omit<TrainingOrder, 'flags'>[];
  readonly killAfterMs: readonly number[];
}

/** What is left of a training that was killed and resumed until it ended. */
export interface KilledTraining {
  readonly result: string;
  readonly kills: number;
  /** Files beside the result and the checkpoints, which nobody needs any more. */
  readonly leftOver: readonly string[];
}

/**
 * Ends a training in each of the given ways, one after the other, each time resumed, and then lets it end.
 * @param isBroken  of the last run
 */
export async function trainThrough(
  { program, folder, flags }: { readonly program: string; readonly folder: string; readonly flags: object },
  { orders, killAfterMs }: Kills,
  { isBroken = false } = {},
): Promise<KilledTraining> {
  const name = `out-${orders.map(({ killAt, fullFrom }) => killAt ?? fullFrom).join('-')}-${killAfterMs.join('-')}`;
  const output = join(folder, name);
  const resumed = { ...flags, output, resume: true };
  let kills = 0;
  // WHY not to the end: a run that is not killed ends the training.
  const runs = [
    ...orders.map((order) => () => runChild(program, { flags: resumed, ...order })),
    ...killAfterMs.map((ms) => () => runChild(program, { flags: resumed }, { killAfterMs: ms })),
    () => runChild(program, { flags: resumed, isBroken }),
  ];
  for (const run of runs) {
    if (!(await run()).isKilled) break;
    kills += 1;
  }
  const names = await readdir(folder);
  const leftOver = names.filter((each) => each.startsWith(`.${name}`));
  const result = await resultOf(output);
  for (const each of [output, `${output}.checkpoints`]) await rm(each, { recursive: true, force: true });
  return { result, kills, leftOver };
}

/** A moment of a run, from before its first write to after its last. */
export function randomKill(random: Random, { writes, ms }: { readonly writes: number; readonly ms: number }): Kills {
  return random.uniform() < 0.5
    ? { orders: [{ killAt: 1 + random.integer(writes) }], killAfterMs: [] }
    : { orders: [], killAfterMs: [random.integer(Math.ceil(ms))] };
}
