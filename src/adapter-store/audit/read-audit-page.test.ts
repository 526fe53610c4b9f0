import { appendFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditFiles, currentFile, fullName } from './audit-files.ts';
import { AuditLog } from './audit-log.ts';
import { entryOf } from './audit-record.ts';
import { readAuditPage, type AuditPageQuery } from './read-audit-page.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-audit-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Records 1 (the opening) and 2 to `count + 1`, in files of so many bytes. */
async function record(count: number, maxBytes?: number): Promise<void> {
  await using log = await AuditLog.open({ folder, onProblem: () => undefined, maxBytes });
  for (let i = 0; i < count; i++) {
    const name = i % 2 === 0 ? 'even' : 'odd';
    log.append(entryOf({ event: 'publish', time: i, actor: 'store', result: 'done', name, reason: 'x'.repeat(i) }));
  }
}

/** The numbers of all pages. */
async function pages(query: Omit<AuditPageQuery, 'before'>): Promise<number[][]> {
  const found: number[][] = [];
  let before: number | undefined = undefined;
  do {
    const page = await readAuditPage(folder, { ...query, before });
    found.push(page.records.map(({ seq }) => seq));
    before = page.before;
  } while (before !== undefined);
  return found;
}

const down = (from: number, to: number): number[] => Array.from({ length: from - to + 1 }, (_, i) => from - i);

describe('readAuditPage', () => {
  it.each([undefined, 1000])('reads every record once, the latest first (files of %s bytes)', async (maxBytes) => {
    await record(600, maxBytes);
    const all = await pages({ limit: 100 });
    expect(all.flat()).toEqual(down(601, 1));
    expect(all.every(({ length }) => length <= 100)).toBe(true);
  });

  it('reads what is wanted only, and no more bytes than it may', async () => {
    await record(600);
    const matches = ({ name }: { readonly name?: string }): boolean => name === 'odd';
    const all = await pages({ limit: 1000, matches, maxBytes: 20_000 });
    expect(all.flat()).toEqual(down(601, 1).filter((seq) => seq > 1 && seq % 2 === 1));
    expect(all.length).toBeGreaterThan(5);
  });

  it('leaves out a line that is being written, and one that is no record', async () => {
    await record(2);
    await appendFile(join(folder, 'audit.jsonl'), `no record\n${'y'.repeat(300_000)}\n{"seq":`);
    expect(await pages({ limit: 10 })).toEqual([[3, 2, 1]]);
  });

  it.each([false, true])(
    'finds a file that gets its final name before it is opened (a new one follows: %s)',
    async (follows) => {
      await record(50, 4000);
      let isMoved = false;
      const list = async (dir: string): Promise<string[]> => {
        const files = await auditFiles(dir);
        if (!isMoved) {
          await rename(join(dir, currentFile), join(dir, fullName(51)));
          if (follows) await record(3);
        }
        isMoved = true;
        return files;
      };
      const { records, before } = await readAuditPage(folder, { limit: 100, list });
      const newest = records[0]?.seq ?? 0;
      expect(newest).toBeGreaterThanOrEqual(51);
      expect([records.map(({ seq }) => seq), before]).toEqual([down(newest, 1), undefined]);
    },
  );

  it('is empty where there is no record', async () => {
    expect(await readAuditPage(join(folder, 'none'), { limit: 10 })).toEqual({ records: [], before: undefined });
  });
});
