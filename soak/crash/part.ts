import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readAudit } from '../../src/adapter-store/index.ts';
import { createRandom } from '../../src/core/index.ts';
import { notRun, quantile, type Finding, type Part, type Settings } from '../finding.ts';
import { openScratch } from '../root.ts';
import { type ActionName, actions, describeNames, openStore, prepareStore } from './store-program.ts';
import { type Fault, hasStrace, type Injection, placesOf, runWith } from './strace.ts';

/** Longest time in which a store must be open again. */
const openLimitMs = 5000;
const faults: readonly Fault[] = ['KILL', 'EIO', 'ENOSPC'];

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

export const crashPart: Part = {
  name: 'crash',
  summary:
    'every call by which a store changes the disk is stopped by SIGKILL, or fails, in a process of its own (strace)',
  async *run(settings) {
    if (!hasStrace()) {
      const claim = 'the names are the old or the new ones after a restart';
      yield notRun('crash', claim, 'strace is missing (Debian: apt-get install strace)');
      return;
    }
    await using scratch = await openScratch('crash');
    const prepared = join(scratch.path, 'prepared');
    await prepareStore(prepared);
    for (const action of Object.keys(actions) as ActionName[])
      yield await crash({ scratch: scratch.path, prepared, action }, settings);
    yield await crashBroken({ scratch: scratch.path, prepared, action: 'publish' });
  },
};

interface Crashing {
  readonly scratch: string;
  readonly prepared: string;
  readonly action: ActionName;
  readonly isBroken?: boolean;
}

async function crash(crashing: Crashing, settings: Settings): Promise<Finding> {
  const random = createRandom(settings.seed, crashing.action);
  const share = settings.amount(1_000_000) / 1_000_000;
  const counts = newCounts();
  for (const injection of await injectionsOf(crashing)) {
    if (random.uniform() < share) await tryOne(crashing, injection, counts);
  }
  return finding(
    `${crashing.action}: the names are the old or the new ones after a restart`,
    counts,
    counts.wrong + counts.slow === 0,
  );
}

async function crashBroken(crashing: Crashing): Promise<Finding> {
  const broken = { ...crashing, isBroken: true };
  const counts = newCounts();
  for (const injection of await injectionsOf(broken)) {
    if (injection.call === 'rename' && injection.fault === 'KILL') await tryOne(broken, injection, counts);
  }
  return finding('it catches a store that removes a link before it makes the next', counts, counts.wrong > 0);
}

/** Every call that the action makes, with each fault. */
async function injectionsOf(crashing: Crashing): Promise<Injection[]> {
  const folder = await copyOf(crashing);
  const places = await placesOf({ folder, words: wordsOf(crashing) });
  return [...places].flatMap(([call, own]) => [...own].flatMap((nth) => faults.map((fault) => ({ call, nth, fault }))));
}

async function tryOne(crashing: Crashing, injection: Injection, counts: CrashCounts): Promise<void> {
  const folder = await copyOf(crashing);
  counts.runs++;
  if ((await runWith({ folder, words: wordsOf(crashing) }, injection)) === 'killed') counts.killed++;
  const began = performance.now();
  const problem = await stateAfter(folder, crashing.action, counts).catch(String);
  const ms = performance.now() - began;
  counts.openMs.push(ms);
  if (ms > openLimitMs) counts.slow++;
  if (problem === undefined) return;
  counts.wrong++;
  counts.problems.add(`${injection.fault} at ${injection.call} ${injection.nth}: ${problem}`);
}

async function namesIn(dir: string): Promise<string> {
  await using store = await openStore(dir);
  return describeNames(store);
}

/** Opens the store again. @returns what is wrong with it */
async function stateAfter(folder: string, action: ActionName, counts: CrashCounts): Promise<string | undefined> {
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
