import { join } from 'node:path';
import { createRandom, type Random } from '../../src/core/index.ts';
import type { Finding, Part } from '../finding.ts';
import { openScratch } from '../root.ts';
import { leaveCheckpoints, trainDamaged } from './damaged-checkpoints.ts';
import { randomKill, resultOf, runChild, trainingFlags, trainThrough, type Kills } from './killed-training.ts';

/** Kills of the full run. */
const fullKills = 200;
const fullDamages = 40;

export const trainingPart: Part = {
  name: 'training',
  summary:
    'a training is ended by SIGKILL at random moments, and at writes, its checkpoints are damaged, and it is resumed',
  async *run(settings) {
    await using scratch = await openScratch('training');
    const folder = scratch.path;
    const program = join(import.meta.dirname, 'child.js');
    const flags = await trainingFlags(folder);
    const output = join(folder, 'whole');
    const began = performance.now();
    const { writes } = await runChild(program, { flags: { ...flags, output } });
    const ms = performance.now() - began;
    const expected = await resultOf(output);
    const training = { program, folder, flags };
    const random = createRandom(settings.seed, 'killed trainings');
    const known: Known = { training, writes, ms, expected };
    const amounts = { random, settings };
    if (settings.only === undefined || settings.only === 'killed') yield* killed(known, amounts);
    if (settings.only === undefined || settings.only === 'full') yield* fullDisk(known, amounts);
    if (settings.only === undefined || settings.only === 'damaged') yield* damaged(known, amounts);
  },
};

interface Known {
  readonly training: { readonly program: string; readonly folder: string; readonly flags: Record<string, unknown> };
  /** Operations that change the disk, and milliseconds, of the training that nothing disturbs. */
  readonly writes: number;
  readonly ms: number;
  /** Its result. */
  readonly expected: string;
}

interface Amounts {
  readonly random: Random;
  readonly settings: Parameters<Part['run']>[0];
}

async function* killed(
  { training, writes, ms, expected }: Known,
  { random, settings }: Amounts,
): AsyncGenerator<Finding> {
  const amount = settings.amount(fullKills);
  const counts = { runs: 0, kills: 0, other: 0, leftOver: 0 };
  const problems = new Set<string>();
  while (counts.kills < amount && counts.runs < 2 * amount + 10) {
    const kills = randomKill(random, { writes, ms });
    const ended = await trainThrough(training, kills).catch(String);
    counts.runs += 1;
    settings.progress(`killed trainings: ${counts.kills} of ${amount} kills, ${counts.other} wrong`);
    if (typeof ended === 'string') {
      counts.other += 1;
      problems.add(`${JSON.stringify(kills)}: ${ended}`);
      continue;
    }
    counts.kills += ended.kills;
    counts.leftOver += ended.leftOver.length;
    if (ended.result === expected) continue;
    counts.other += 1;
    problems.add(`${JSON.stringify(kills)}: other bytes`);
  }
  const isSeen = counts.other + counts.leftOver === 0 && counts.kills >= amount;
  yield finding('a training that was killed and resumed ends in the bytes of one that was not', isSeen, {
    ...counts,
    ...(problems.size > 0 && { problems: [...problems].slice(0, 3).join(' | ') }),
  });

  const broken = await trainThrough(
    training,
    { orders: [{ killAt: writes - 2 }], killAfterMs: [] },
    { isBroken: true },
  );
  const claim = 'it catches an optimizer that forgets how many steps it has taken';
  yield finding(claim, broken.result !== expected, { kills: broken.kills });
}

async function* fullDisk({ training, writes, expected }: Known, { settings }: Amounts): AsyncGenerator<Finding> {
  const full = { other: 0, runs: 0 };
  for (let fullFrom = 1; fullFrom <= writes; fullFrom += Math.ceil(writes / settings.amount(20))) {
    settings.progress(`disk full from write ${fullFrom} of ${writes}, ${full.other} wrong`);
    const kills: Kills = { orders: [{ fullFrom, killAt: undefined }], killAfterMs: [] };
    full.runs += 1;
    const { result } = await trainThrough(training, kills);
    if (result !== expected) full.other += 1;
  }
  yield finding('a training whose disk is full ends in the same bytes', full.other === 0, full);
}

async function* damaged({ training, writes, expected }: Known, { random, settings }: Amounts): AsyncGenerator<Finding> {
  const left = { ...training, output: join(training.folder, 'left') };
  await leaveCheckpoints(left, { killAt: writes - 2 });
  const counts = { damages: settings.amount(fullDamages), accepted: 0, other: 0 };
  const problems: string[] = [];
  for (let i = 0; i < counts.damages; i++) {
    settings.progress(`damaged checkpoints: ${i} of ${counts.damages}, ${problems.length} wrong`);
    const { damage, isRefused, result } = await trainDamaged(left, random);
    if (!isRefused) counts.accepted += 1;
    if (result !== expected) counts.other += 1;
    if (!isRefused || result !== expected) problems.push(damage);
  }
  yield finding(
    'a damaged checkpoint is refused by name, and the one before it leads to the same bytes',
    problems.length === 0,
    {
      ...counts,
      ...(problems.length > 0 && { problems: problems.slice(0, 3).join(' | ') }),
    },
  );
}

function finding(claim: string, isSeen: boolean, figures: Finding['figures']): Finding {
  return { part: 'training', claim, isSeen, figures };
}
