import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditLog, entryOf } from '../../adapter-store/index.ts';
import { espalier } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-audit-'));
  const now = (): number => Date.UTC(2026, 10, 29, 12);
  await using log = await AuditLog.open({ folder, now, onProblem: () => undefined });
  const event = { event: 'publish', actor: 'store', result: 'done', version: 'f'.repeat(64) } as const;
  log.append(entryOf({ ...event, name: 'one', time: Date.UTC(2026, 10, 29, 13) }));
  log.append(entryOf({ ...event, name: 'two\u001b[31m', time: Date.UTC(2026, 10, 30), previous: 'a'.repeat(64) }));
  const error = Object.assign(new Error('B of x is NaN'), { code: 'TENSOR_NOT_FINITE' });
  log.append(entryOf({ ...event, event: 'quarantine', result: 'refused', name: 'one', time: now(), error }));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('espalier audit', () => {
  it('prints each record in a line, and that the record is whole', async () => {
    const { exitCode, stdout } = await espalier(['audit', folder]);
    expect(exitCode).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.slice(1, 4)).toEqual([
      '2026-11-29T13:00:00.000Z  publish  one  ffffffffffff  by store',
      '2026-11-30T00:00:00.000Z  publish  two\\u001b[31m  ffffffffffff (before: aaaaaaaaaaaa)  by store',
      '2026-11-29T12:00:00.000Z  quarantine refused  one  ffffffffffff  by store: B of x is NaN; TENSOR_NOT_FINITE',
    ]);
    expect(lines.at(-1)).toMatch(/^4 records\. No line was changed\. Hash of the last line: [0-9a-f]{64}$/);
  });

  it('prints what one adapter went through since a time, as JSON for programs', async () => {
    const { stdout } = await espalier(['audit', folder, '--name', 'one', '--since', '2026-11-29T12:30Z', '--json']);
    const [record, report] = stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(record).toMatchObject({ seq: 2, name: 'one', event: 'publish' });
    expect(report).toMatchObject({ records: 4, problems: [] });
  });

  it('fails when a line is not as it was written', async () => {
    await appendFile(join(folder, 'audit.jsonl'), '{}\n');
    const { exitCode, stdout } = await espalier(['audit', folder]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('line 5: it is no record');
  });

  it('names what it cannot read', async () => {
    expect((await espalier(['audit', join(folder, 'none')])).stderr).toContain('No audit record at');
    expect((await espalier(['audit', folder, '--since', 'yesterday'])).stderr).toContain('a date or a time');
  });
});
