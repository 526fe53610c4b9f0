import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { breathe } from '../../core/index.ts';
import { noGit } from '../../fleet/testing/git-repository.ts';
import { runFleetCrashes } from '../testing/fleet-crashes.ts';

describe('random edits, and ends of the process in between', () => {
  it.skipIf(noGit !== undefined)('leave the names of some commit, and at the end those of the last one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'espalier-fleet-'));
    try {
      const { crashes, applied } = await runFleetCrashes({ folder, edits: 10, seed: 7 });
      expect([crashes > 2, applied > 2]).toEqual([true, true]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('do so with manifests that are applied by hand', async () => {
    const { crashes, applied } = await runFleetCrashes({ edits: 100, seed: 8 });
    expect([crashes > 20, applied > 20]).toEqual([true, true]);
  });

  it('find a server that moves its names one by one', async () => {
    const broken = runFleetCrashes({
      edits: 30,
      seed: 7,
      moveTogether: (control) => async (changes, options) => {
        for (const change of changes) {
          await control.moveTogether([change], options);
          await breathe();
        }
      },
    });
    await expect(broken).rejects.toThrow('are those of no commit');
  });

  it('find a fleet that does not remember what it was about to apply', async () => {
    await expect(runFleetCrashes({ edits: 30, seed: 7, forgetsPending: true })).rejects.toThrow(
      'are those of no commit',
    );
  });
});
