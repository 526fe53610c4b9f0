import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cutExample, type Truncation } from './example.ts';
import { readExamples, type Dataset } from './read-examples.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'espalier-cut-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const long = { input_ids: [1, 2, 3, 4, 5], labels: [-100, -100, -100, 4, 5] };
const rows = [{ input_ids: [7, 8] }, long, { input_ids: [9, 8, 7] }];

async function read(truncation: Truncation | undefined): Promise<Dataset> {
  const path = join(folder, 'data.jsonl');
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'));
  const options = { tokenizer: undefined, vocabSize: 10, maxLength: 3, truncation, withoutTargets: 'drop' as const };
  return readExamples(path, options);
}

describe('rows that are too long', () => {
  it.each([
    { truncation: 'cut-end', ids: ['7,8', '9,8,7'], dropped: 1, truncated: 0 },
    { truncation: undefined, ids: ['7,8', '9,8,7'], dropped: 1, truncated: 0 },
    { truncation: 'cut-start', ids: ['7,8', '3,4,5', '9,8,7'], dropped: 0, truncated: 1 },
    { truncation: 'drop', ids: ['7,8', '9,8,7'], dropped: 1, truncated: 0 },
  ] as const)('with $truncation become $ids', async ({ truncation, ids, dropped, truncated }) => {
    const { examples, account } = await read(truncation);
    expect(examples.map(({ inputIds }) => inputIds.join())).toEqual(ids);
    expect(account).toMatchObject({ rows: 3, dropped, truncated });
  });

  it('are refused by name where none may be cut', async () => {
    await expect(read('error')).rejects.toThrow(
      expect.objectContaining({
        code: 'DATA_ROWS_TOO_LONG',
        message: expect.stringMatching(/^1 of the 3 rows .* than 3 tokens \(first: .*data\.jsonl, line 2, 5 tokens\)/),
      }),
    );
  });
});

describe('cutExample', () => {
  const example = { inputIds: Int32Array.of(1, 2, 3, 4, 5), labels: Int32Array.of(-100, -100, 3, 4, 5) };

  it('keeps the token that begins a text, which is no target there', () => {
    const cut = cutExample(example, 3, { truncation: 'cut-start', bosId: 1 });
    expect([[...cut.inputIds], [...cut.labels]]).toEqual([
      [1, 4, 5],
      [-100, 4, 5],
    ]);
    expect([...example.labels]).toEqual([-100, -100, 3, 4, 5]);
    expect([...cutExample(example, 3, { truncation: 'cut-start', bosId: 2 }).inputIds]).toEqual([3, 4, 5]);
  });

  it('returns what is not too long as it is', () => {
    expect(cutExample(example, 5, { truncation: 'cut-start', bosId: 1 })).toBe(example);
  });
});
