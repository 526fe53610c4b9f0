import { cp, mkdir, readdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { systemFiles } from '../../src/adapter-store/files/store-files.ts';
import { readAudit } from '../../src/adapter-store/index.ts';
import { createRandom, type Random } from '../../src/core/index.ts';
import { notRun, quantile, type Finding, type Part, type Settings } from '../finding.ts';
import { openScratch } from '../root.ts';
import { prepareRecord, recordAfter } from './audit-program.ts';
import { type ActionName, actions, describeNames, openStore, prepareStore } from './store-program.ts';
import {
  type Ended,
  type Fault,
  hasStrace,
  type Injection,
  placesOf,
  type Run,
  runLimited,
  runWith,
} from './strace.ts';

/** Longest time in which a store must be open again. */
const openLimitMs = 5000;
const faults: readonly Fault[] = ['KILL', 'EIO', 'ENOSPC'];
/** Limits of the size of a file that are drawn by chance, for each action. */
const drawnLimits = 60;

interface CrashCounts {
  runs: number;
  killed: number;
  old: number;
  new: number;
  /** Restarts after which a store had neither the old nor the new names, whole, or something was left over. */
  wrong: number;
  slow: number;
  readonly openMs: number[];
  readonly problems: Set<string>;
}

const storeClaim = 'the names are the old or the new ones after a restart';
const auditClaim = 'the record goes on, and has what was said to be on the disk';

export const crashPart: Part = {
  name: 'crash',
  summary:
    'every call by which a store changes the disk is stopped by SIGKILL, or fails, and writes are cut short, in a process of its own (strace, prlimit)',
  async *run(settings) {
    if (!hasStrace()) {
      yield notRun('crash', storeClaim, 'strace is missing (Debian: apt-get install strace)');
      return;
    }
    await using scratch = await openScratch('crash');
    const prepared = join(scratch.path, 'prepared');
    await prepareStore(prepared);
    await prepareRecord(prepared);
    for (const action of [...(Object.keys(actions) as ActionName[]), 'audit'] as const) {
      if (settings.only !== undefined && settings.only !== action) continue;
      const crashing = { scratch: scratch.path, prepared, action };
      yield await crash(crashing, settings);
      yield await cutShort(crashing, settings);
    }
    yield await crashBroken({ scratch: scratch.path, prepared, action: 'publish' });
    yield await crashBrokenRecord({ scratch: scratch.path, prepared, action: 'audit' });
  },
};

interface Crashing {
  readonly scratch: string;
  readonly prepared: string;
  readonly action: ActionName | 'audit';
  readonly isBroken?: boolean;
}

async function crash(crashing: Crashing, settings: Settings): Promise<Finding> {
  const random = createRandom(settings.seed, crashing.action);
  const share = settings.amount(1_000_000) / 1_000_000;
  const counts = newCounts();
  const chosen = (await injectionsOf(crashing)).filter(() => random.uniform() < share);
  await tryAll(crashing, chosen.map(faulty), counts);
  return finding(`${crashing.action}: ${claimOf(crashing)}`, counts, counts.wrong + counts.slow === 0);
}

/** Lets the files of the child grow to every size that one of its files has, to one byte less, and to sizes between. */
async function cutShort(crashing: Crashing, settings: Settings): Promise<Finding> {
  const random = createRandom(settings.seed, `${crashing.action}, short`);
  const counts = newCounts();
  const limits = await limitsOf(crashing, settings.amount(drawnLimits), random);
  const attempts = limits.map((limit) => {
    return { what: `files of ${limit} bytes`, run: (run: Run) => runLimited(run, limit) };
  });
  await tryAll(crashing, attempts, counts);
  const claim = `${crashing.action}, writes that are cut short: ${claimOf(crashing)}`;
  return finding(claim, counts, counts.wrong + counts.slow === 0);
}

async function crashBroken(crashing: Crashing): Promise<Finding> {
  const broken = { ...crashing, isBroken: true };
  const counts = newCounts();
  for (const injection of await injectionsOf(broken)) {
    if (injection.call === 'rename' && injection.fault === 'KILL') await tryOne(broken, faulty(injection), counts);
  }
  return finding('it catches a store that removes a link before it makes the next', counts, counts.wrong > 0);
}

async function crashBrokenRecord(crashing: Crashing): Promise<Finding> {
  const broken = { ...crashing, isBroken: true };
  const counts = newCounts();
  for (const injection of await injectionsOf(broken)) {
    if (injection.call === 'write' && injection.fault === 'KILL') await tryOne(broken, faulty(injection), counts);
  }
  return finding('it catches a record that says too early what is on the disk', counts, counts.wrong > 0);
}

/** Every call that the action makes, with each fault. */
async function injectionsOf(crashing: Crashing): Promise<Injection[]> {
  const folder = await copyOf(crashing);
  const places = await placesOf({ folder, words: wordsOf(crashing) });
  return [...places].flatMap(([call, own]) => [...own].flatMap((nth) => faults.map((fault) => ({ call, nth, fault }))));
}

async function limitsOf(crashing: Crashing, drawn: number, random: Random): Promise<readonly number[]> {
  const folder = await copyOf(crashing);
  await runLimited({ folder, words: wordsOf(crashing) }, 2 ** 40);
  const sizes: number[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sizes.push((await stat(join(entry.parentPath, entry.name))).size);
  }
  const longest = Math.max(...sizes);
  const limits = new Set(sizes.flatMap((size) => [size, Math.max(size - 1, 0)]));
  for (let i = 0; i < drawn; i++) limits.add(random.integer(longest));
  return [...limits].toSorted((a, b) => a - b);
}

/** One way in which an action is disturbed. */
interface Attempt {
  readonly what: string;
  run(run: Run): Promise<Ended>;
}

function faulty(injection: Injection): Attempt {
  const { fault, call, nth } = injection;
  return { what: `${fault} at ${call} ${nth}`, run: (run) => runWith(run, injection) };
}

/** Attempts that run at once. WHY more than processors: a process that begins or ends waits for the disk half of the time. */
const atOnce = 2 * availableParallelism();

async function tryAll(crashing: Crashing, attempts: readonly Attempt[], counts: CrashCounts): Promise<void> {
  const left = attempts.values();
  const one = async (): Promise<void> => {
    for (const attempt of left) await tryOne(crashing, attempt, counts);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

async function tryOne(crashing: Crashing, attempt: Attempt, counts: CrashCounts): Promise<void> {
  const folder = await copyOf(crashing);
  counts.runs++;
  const { isKilled, told } = await attempt.run({ folder, words: wordsOf(crashing) });
  if (isKilled) counts.killed++;
  const began = performance.now();
  const problem = await stateAfter(folder, crashing.action, { told, counts }).catch(String);
  const ms = performance.now() - began;
  // WHY now: thousands of stores would fill the disk for temporary files.
  await systemFiles.removeTree(folder);
  counts.openMs.push(ms);
  if (ms > openLimitMs) counts.slow++;
  if (problem === undefined) return;
  counts.wrong++;
  counts.problems.add(`${attempt.what}: ${problem}`);
}

async function namesIn(dir: string): Promise<string> {
  await using store = await openStore(dir);
  return describeNames(store);
}

interface Seen {
  readonly told: string;
  readonly counts: CrashCounts;
}

/** Opens the store or the record again. @returns what is wrong with it */
async function stateAfter(
  folder: string,
  action: Crashing['action'],
  { told, counts }: Seen,
): Promise<string | undefined> {
  if (action === 'audit') {
    const kept = Number(/(\d+)\s*$/.exec(told)?.[1] ?? 0);
    const { isWhole, problem } = await recordAfter(folder, kept);
    if (problem === undefined) counts[isWhole ? 'new' : 'old']++;
    return problem;
  }
  const dir = join(folder, 'store');
  const names = await namesIn(dir);
  const { old, new: next } = actions[action];
  if (names !== old && names !== next) return `the names are "${names}"`;
  counts[names === old ? 'old' : 'new']++;
  const left = await readdir(join(dir, 'staging'));
  if (left.length > 0) return `${left.join(', ')} is left in staging`;
  const { problems } = await readAudit(dir, () => undefined);
  return problems[0] === undefined ? undefined : `the audit record: ${problems[0].problem}`;
}

function claimOf({ action }: Crashing): string {
  return action === 'audit' ? auditClaim : storeClaim;
}

let copies = 0;

async function copyOf({ scratch, prepared }: Crashing): Promise<string> {
  const folder = join(scratch, `copy-${copies++}`);
  await mkdir(folder);
  await cp(prepared, folder, { recursive: true, verbatimSymlinks: true });
  return folder;
}

function wordsOf({ action, isBroken = false }: Crashing): string[] {
  return isBroken ? [action, 'broken'] : [action];
}

function newCounts(): CrashCounts {
  return { runs: 0, killed: 0, old: 0, new: 0, wrong: 0, slow: 0, openMs: [], problems: new Set() };
}

function finding(claim: string, counts: CrashCounts, isSeen: boolean): Finding {
  const { runs, killed, old, new: next, wrong, slow, openMs, problems } = counts;
  const figures = {
    runs,
    killed,
    old,
    new: next,
    wrong,
    slow,
    longestOpenMs: quantile(openMs, 1),
    problems: [...problems].slice(0, 5).join('; ') || 'none',
  };
  return { part: 'crash', claim, isSeen, figures };
}
