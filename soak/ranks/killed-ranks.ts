import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../src/core/index.ts';
import { cutSignal, type FaultSignal } from '../../src/cli/launch/testing/rank-fault.ts';
import { launchTraining, type LaunchedTraining } from '../../src/cli/launch/testing/launched-training.ts';
import { tinyBase } from '../root.ts';
import { resultOf } from '../training/killed-training.ts';

export const ranks = 3;
export const steps = 24;
/** Seconds. WHY not less: a busy machine may not let a process speak for a while. */
const silence = '4';

/** When, and how, a rank is lost. */
export interface Loss {
  readonly rank: number;
  readonly signal: FaultSignal;
  /** The sum over all ranks before which it is lost, or the time after the first event of rank 0. */
  readonly at: { readonly sum: number } | { readonly ms: number };
}

export interface Training {
  readonly program: string;
  readonly folder: string;
  readonly data: string;
}

/** What was seen of one loss, and of the training that went on. */
export interface Seen {
  /** Whether the rank was lost before the training had ended. */
  readonly isLost: boolean;
  /** Ranks that failed without naming the lost one. */
  readonly unnamed: number;
  /** Processes that were there although the launcher had ended. */
  readonly left: number;
  /** What the resumed training wrote. */
  readonly result: string;
}

export function wordsOf({ data, folder }: Training, name: string, ...more: readonly string[]): string[] {
  const files = ['--base', tinyBase, '--data', data, '--eval-data', data, '--output', join(folder, name)];
  const sizes = ['--rank', '2', '--batch-size', '1', '--accumulate', '2', '--max-steps', String(steps)];
  const saved = [
    '--save-steps',
    '3',
    '--eval-steps',
    '6',
    '--dropout',
    '0.3',
    '--learning-rate',
    '1e-2',
    '--seed',
    '3',
  ];
  return ['train', ...files, ...sizes, ...saved, '--json-events', ...more];
}

/** A training that nobody disturbs. @returns what it wrote, and how long it took from its first event */
export async function trainWhole(training: Training): Promise<{ readonly result: string; readonly ms: number }> {
  let first: number | undefined;
  const { endings, errors } = await launchTraining({
    program: training.program,
    ranks,
    words: wordsOf(training, 'whole'),
    onLine: () => (first ??= performance.now()),
  });
  if (endings.some(({ code }) => code !== 0)) throw new Error(`it failed: ${[...errors.values()].join('\n')}`);
  const ms = performance.now() - (first ?? NaN);
  return { result: await resultOf(join(training.folder, 'whole')), ms };
}

/** Trains, loses a rank, and goes on. @param going  processes that go on; with others than before, the last digits differ */
export async function loseAndResume(training: Training, loss: Loss, going = ranks): Promise<Seen> {
  const output = join(training.folder, 'part');
  const lost = seenOf(await lose(training, loss), loss.rank);
  // WHY --force: a rank may be lost when the result is written already.
  const words = wordsOf(training, 'part', '--resume', '--force');
  const resumed = await launchTraining({ program: training.program, ranks: going, words });
  const isResumed = resumed.endings.every(({ code }) => code === 0);
  const result = isResumed ? await resultOf(output) : `not resumed: ${[...resumed.errors.values()].join(' | ')}`;
  for (const each of [output, `${output}.checkpoints`]) await rm(each, { recursive: true, force: true });
  return { ...lost, result };
}

async function lose(training: Training, { rank, signal, at }: Loss): Promise<LaunchedTraining> {
  let pids: readonly number[] = [];
  let isTimed = false;
  return launchTraining({
    program: training.program,
    ranks,
    words: wordsOf(training, 'part'),
    ...('sum' in at && { fault: { rank, fault: { at: at.sum, signal } } }),
    silence,
    onStarted: (all) => (pids = all),
    onLine: () => {
      if ('sum' in at || isTimed) return;
      isTimed = true;
      void sleep(at.ms).then(() => signalTo(pids[rank], signal));
    },
  });
}

function seenOf({ endings, outputs, errors, left }: LaunchedTraining, rank: number): Omit<Seen, 'result'> {
  const others = endings.filter((each) => each.rank !== rank);
  const failed = others.filter(({ code }) => code !== 0);
  // An error is an event as well, with --json-events.
  const said = (each: number): string => `${errors.get(each) ?? ''}${outputs.get(each) ?? ''}`;
  const unnamed = failed.filter((each) => !said(each.rank).includes(`Rank ${rank} was lost`));
  return { isLost: failed.length > 0, unnamed: unnamed.length, left: left.length };
}

function signalTo(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}

const signals: readonly FaultSignal[] = ['SIGKILL', 'SIGSTOP', cutSignal];

/** A moment of a training: before one of its sums, or at any time. */
export function randomLoss(random: Random, { ms }: { readonly ms: number }): Loss {
  const rank = random.integer(ranks);
  const signal = signals[random.integer(signals.length)] ?? 'SIGKILL';
  const at = random.uniform() < 0.5 ? { sum: 1 + random.integer(2 * steps) } : { ms: random.integer(Math.ceil(ms)) };
  return { rank, signal, at };
}
