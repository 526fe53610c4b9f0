import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../src/core/index.ts';
import { noGit } from '../../src/fleet/testing/git-repository.ts';
import { type CrashOptions, type CrashReport, runFleetCrashes } from '../../src/http/testing/fleet-crashes.ts';
import { type Finding, notRun, type Part } from '../finding.ts';

const edits = 1000;
const brokenEdits = 100;

const claim = 'the names are those of some commit at every moment, and at the end those of the last one';

export const fleetPart: Part = {
  name: 'fleet',
  summary:
    'a repository is edited at random while a server follows it, whose process ends at random changes of its disk',
  async *run({ seed, amount }) {
    yield await followed({ edits: amount(edits), seed });
    yield finding(`with manifests that are applied by hand, ${claim}`, await tried({ edits: amount(edits), seed }));
    const isCaught = async (options: Omit<CrashOptions, 'edits' | 'seed'>): Promise<Finding['isSeen']> =>
      'problem' in (await tried({ edits: brokenEdits, seed, ...options }));
    yield caught('does not remember what it was about to apply', await isCaught({ forgetsPending: true }));
    yield caught(
      'moves its names one by one',
      await isCaught({
        moveTogether: (control) => async (changes, options) => {
          for (const change of changes) {
            await control.moveTogether([change], options);
            await new Promise((resolve) => setImmediate(resolve));
          }
        },
      }),
    );
  },
};

type Tried = CrashReport | { readonly problem: string };

async function tried(options: CrashOptions): Promise<Tried> {
  return runFleetCrashes(options).catch((error: unknown) => ({ problem: messageOf(error) }));
}

async function followed(options: CrashOptions): Promise<Finding> {
  if (noGit !== undefined) return notRun('fleet', claim, noGit);
  const folder = await mkdtemp(join(tmpdir(), 'espalier-fleet-'));
  try {
    return finding(claim, await tried({ ...options, folder }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function finding(what: string, result: Tried): Finding {
  const figures = 'problem' in result ? { problem: result.problem } : { ...result };
  return { part: 'fleet', claim: what, isSeen: !('problem' in result), figures };
}

function caught(broken: string, isSeen: Finding['isSeen']): Finding {
  return { part: 'fleet', claim: `it catches a fleet that ${broken}`, isSeen, figures: { edits: brokenEdits } };
}
