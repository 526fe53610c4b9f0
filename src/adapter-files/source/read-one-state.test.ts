import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Stamp } from '../../atomic-files/index.ts';
import { readOneState, type ChangingSource, type FileClock } from './read-one-state.ts';
import { replacedSettleMs, settleMs } from './settling.ts';

/** One write to a file: from then on it holds the version, whole. */
interface Write {
  readonly atMs: number;
  readonly file: 'config' | 'weights';
  readonly version: number;
}

/**
 * A folder of two files that a writer changes at given times, one write after the other. The files were created, of version 0, at 0.
 *
 * @param isNew  pretends that both files have just been created, as if none of an earlier version could be among them
 */
class SimulatedFolder {
  readonly #writes: readonly Write[];
  readonly #isNew: boolean;
  nowMs: number;

  constructor(writes: readonly Write[], { startMs, isNew = false }: { startMs: number; isNew?: boolean }) {
    this.#writes = writes;
    this.#isNew = isNew;
    this.nowMs = startMs;
  }

  readonly clock: FileClock = {
    now: () => this.nowMs,
    wait: async (ms) => void (this.nowMs += ms),
  };

  #last(file: Write['file']): Write {
    const past = this.#writes.filter((write) => write.file === file && write.atMs <= this.nowMs);
    return past.at(-1) ?? { atMs: 0, file, version: 0 };
  }

  #stamp(file: Write['file']): Stamp {
    const at = BigInt(Math.round(this.#last(file).atMs * 1e6));
    const bornNs = this.#isNew ? BigInt(this.nowMs * 1e6) : 0n;
    return { device: 1n, inode: file === 'config' ? 1n : 2n, size: 1n, modifiedNs: at, changedNs: at, bornNs };
  }

  open(): ChangingSource {
    const files = [this.#stamp('config'), this.#stamp('weights')];
    const top: Stamp = { device: 1n, inode: 3n, size: 1n, modifiedNs: 0n, changedNs: 0n, bornNs: 0n };
    return {
      stamps: { top, files, isIncomplete: false },
      isUnchanged: async () =>
        this.#stamp('config').changedNs === files[0]?.changedNs &&
        this.#stamp('weights').changedNs === files[1]?.changedNs,
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  /** What the two files hold. Reading takes a while, in which the writer goes on. */
  async read(readMs: number): Promise<string> {
    const config = this.#last('config').version;
    this.nowMs += readMs;
    return `${config}${this.#last('weights').version}`;
  }
}

/** A load of the folder: what it was taken for, or the code of the refusal. */
async function load(folder: SimulatedFolder, readMs: number): Promise<string> {
  const opened = async (): Promise<ChangingSource> => folder.open();
  return readOneState(opened, { path: 'adapter', fileClock: folder.clock }, () => folder.read(readMs)).catch(
    (error: { code: string }) => error.code,
  );
}

const isMixed = (seen: string): boolean => /^\d\d$/.test(seen) && seen[0] !== seen[1];

/** A writer that replaces the configuration, is held up, and replaces the weights; then it rests, and begins again. */
function writesOf(heldUpMs: number, restMs: number, versions = 9): Write[] {
  return Array.from({ length: versions }, (_, i): Write[] => {
    const atMs = 10_000 + i * (heldUpMs + restMs);
    return [
      { atMs, file: 'config', version: i + 1 },
      { atMs: atMs + heldUpMs, file: 'weights', version: i + 1 },
    ];
  }).flat();
}

describe('reading a folder whose files are replaced in place', () => {
  const times = {
    heldUpMs: fc.integer({ min: 0, max: replacedSettleMs - 1 }),
    restMs: fc.integer({ min: 1, max: 4000 }),
    startMs: fc.integer({ min: 9000, max: 40_000 }),
    readMs: fc.integer({ min: 0, max: 300 }),
  };

  it('never gives a mixture, wherever the writer is held up for less than two seconds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.record(times), async ({ heldUpMs, restMs, startMs, readMs }) => {
        const folder = new SimulatedFolder(writesOf(heldUpMs, restMs), { startMs });
        expect(isMixed(await load(folder, readMs))).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('would give one if files that were changed settled as soon as new ones do', async () => {
    const folder = new SimulatedFolder(writesOf(settleMs + 50, 5000), { startMs: 10_001, isNew: true });
    expect(await load(folder, 0)).toBe('10');
    expect(await load(new SimulatedFolder(writesOf(settleMs + 50, 5000), { startMs: 10_001 }), 0)).toBe('11');
  });

  it('gives one if the writer is held up for longer: nobody can tell', async () => {
    const folder = new SimulatedFolder(writesOf(replacedSettleMs + 1, 5000), { startMs: 10_001 });
    expect(await load(folder, 0)).toBe('10');
  });

  it('gives up on a writer that never rests after half a second, and not after five long waits', async () => {
    const folder = new SimulatedFolder(writesOf(1, 1, 5000), { startMs: 10_000 });
    expect(await load(folder, 0)).toBe('ADAPTER_CHANGING');
    expect(folder.nowMs).toBe(10_000 + 5 * settleMs);
  });

  it('notices a writer who goes on while the last part is being read', async () => {
    const folder = new SimulatedFolder(writesOf(replacedSettleMs + 100, 5000), { startMs: 10_001 });
    expect(await load(folder, 200)).toBe('11');
  });
});
