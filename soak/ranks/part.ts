import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cutSignal } from '../../src/cli/launch/testing/rank-fault.ts';
import { createRandom } from '../../src/core/index.ts';
import type { Finding, Part } from '../finding.ts';
import { openScratch } from '../root.ts';
import { killLauncher } from './killed-launcher.ts';
import { loseAndResume, randomLoss, ranks, steps, trainWhole, wordsOf, type Training } from './killed-ranks.ts';

/** Lost ranks, and killed launchers, of the full run. */
const fullLosses = 50;
const fullLaunchers = 5;

export const ranksPart: Part = {
  name: 'ranks',
  summary: 'three processes train, one is killed, stopped or cut off at a random moment, and the training is resumed',
  async *run(settings) {
    await using scratch = await openScratch('ranks');
    const folder = scratch.path;
    const data = join(folder, 'rows.jsonl');
    await writeFile(data, rows().join('\n'));
    const program = join(import.meta.dirname, '../../src/cli/launch/testing/rank-program.js');
    const training: Training = { program, folder, data };
    const { result: expected, ms } = await trainWhole(training);
    const random = createRandom(settings.seed, 'lost ranks');
    const amount = settings.amount(fullLosses);

    const counts = { losses: 0, runs: 0, stopped: 0, cut: 0, unnamed: 0, left: 0, other: 0 };
    const problems = new Set<string>();
    while (counts.losses < amount && counts.runs < 2 * amount + 10) {
      const loss = randomLoss(random, { ms });
      const seen = await loseAndResume(training, loss);
      counts.runs += 1;
      if (seen.isLost) counts.losses += 1;
      if (seen.isLost && loss.signal === 'SIGSTOP') counts.stopped += 1;
      if (seen.isLost && loss.signal === cutSignal) counts.cut += 1;
      counts.unnamed += seen.unnamed;
      counts.left += seen.left;
      if (seen.result !== expected) counts.other += 1;
      if (seen.unnamed + seen.left > 0 || seen.result !== expected) {
        problems.add(`${JSON.stringify(loss)}: ${seen.result.startsWith('not') ? seen.result : 'seen'}`);
      }
    }
    const isSeen = counts.losses >= amount && counts.unnamed + counts.left + counts.other === 0;
    yield finding('the others name a rank that is lost, none stays, and all go on to the same bytes', isSeen, {
      ...counts,
      ...(problems.size > 0 && { problems: [...problems].slice(0, 3).join(' || ') }),
    });

    const loss = { rank: 1, signal: 'SIGKILL', at: { sum: 20 } } as const;
    const fewer = await loseAndResume(training, loss, ranks - 1);
    const isCaught = fewer.isLost && !fewer.result.startsWith('not resumed') && fewer.result !== expected;
    yield finding('it catches a training that goes on with other masks and sums', isCaught, { processes: ranks - 1 });

    const endless = wordsOf(training, 'launched').map((word) => (word === String(steps) ? '100000' : word));
    const launchers = { killed: 0, left: 0 };
    while (launchers.killed < settings.amount(fullLaunchers)) {
      const output = join(folder, 'launched');
      launchers.left += (await killLauncher(endless, ranks)).length;
      launchers.killed += 1;
      for (const each of [output, `${output}.checkpoints`]) await rm(each, { recursive: true, force: true });
    }
    yield finding('no process outlives a launcher that is killed', launchers.left === 0, launchers);
  },
};

/** Rows of very different lengths. */
function rows(): string[] {
  return Array.from({ length: 11 }, (_, row) =>
    JSON.stringify({
      input_ids: Array.from({ length: 3 + ((row * row * 5) % 29) }, (__, i) => 3 + ((7 * row + 5 * i) % 40)),
    }),
  );
}

function finding(claim: string, isSeen: boolean, figures: Finding['figures']): Finding {
  return { part: 'ranks', claim, isSeen, figures };
}
