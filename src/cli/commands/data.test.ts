import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { espalier } from '../testing/run-espalier.ts';

const base = fileURLToPath(new URL('../../../demo/base', import.meta.url));

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'espalier-data-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

async function data(
  rows: readonly unknown[],
  ...words: string[]
): Promise<{ stdout: string; exitCode: number; file: string }> {
  const file = join(folder, 'rows.jsonl');
  await writeFile(file, rows.map((row) => JSON.stringify(row)).join('\n'));
  return { ...(await espalier(['data', file, '--base', base, ...words])), file };
}

const asked = { role: 'user', content: 'Hello\n\u001b[31m' };
const answered = { role: 'assistant', content: 'Zoë?' };
const good = { messages: [asked, answered], id: 1 };

describe('espalier data', () => {
  it('shows a row token by token, with what is learned, and nothing that steers a terminal', async () => {
    const { stdout, exitCode, file } = await data([good]);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      `${file}, line 1 (messages): 16 tokens, 6 learned`,
      String.raw`  context  <|bos|>│<|user|>│Hello│\n│\u{1b}│[│31│m│<|end|>│<|assistant|>`,
      '  learned  Z│o│<0xC3>│<0xAB>│?│<|end|>',
    ]);
  });

  it('counts everything, and names what is cut, dropped, odd or unknown', async () => {
    const rows = [
      { text: 'a long text about cards and cards and cards and cards and money' },
      good,
      good,
      { messages: [asked, { ...answered, weight: 0 }] },
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: ' ' },
        ],
      },
      { input_ids: [0, 0, 5] },
    ];
    const { stdout, exitCode, file } = await data(rows, '--max-length', '12', '--limit', '0', '--skip-empty');
    expect(exitCode).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual([
      'rows       6 (1 text, 4 messages, 1 tokens)',
      expect.stringMatching(/^tokens {5}\d+, of which \d+ are learned$/),
      expect.stringMatching(/^longest {4}\d+ tokens \(.*, line 1\)$/),
      `cut        3 rows cut to 12 tokens (first: ${file}, line 1)`,
      `dropped    1 row with nothing to learn (first: ${file}, line 4)`,
      `odd        1 row with the same tokens as an earlier row (first: ${file}, line 3)`,
      `odd        1 row with an answer without a word (first: ${file}, line 5)`,
      `odd        1 row with the token that begins a text more than once (first: ${file}, line 6)`,
      `odd        1 row with no learned token that ends an answer (first: ${file}, line 6)`,
      `unknown    "id" of 2 rows is passed over (first in ${file}, line 2)`,
    ]);
  });

  it('fails where a training would refuse rows, and says which', async () => {
    const empty = { messages: [asked, { ...answered, weight: 0 }] };
    const refused = await data([good, empty], '--limit', '9');
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout).toContain('(messages): 16 tokens, 0 learned, left out: nothing is learned\n');
    expect(refused.stdout).toContain(
      `unusable   1 row with nothing to learn; --skip-empty leaves them out (first: ${refused.file}, line 2)`,
    );
    const long = await data([good, { input_ids: [0, 5] }], '--max-length', '12', '--truncation', 'error');
    expect([long.exitCode, long.stdout]).toEqual([1, expect.stringContaining('left out: too long\n')]);
    expect(long.stdout).toContain(`unusable   1 row of more than 12 tokens (first: ${long.file}, line 1)`);
    const dropping = await data([good, { input_ids: [0, 5] }], '--max-length', '12', '--truncation', 'drop', '--json');
    expect(dropping.exitCode).toBe(0);
    expect(dropping.stdout).toContain('"nothingToLearn":0');
    expect(dropping.stdout).toContain('"tooLong":1');
  });

  it('reads on behind rows that cannot be used, tells the first few, and fails', async () => {
    const rows = [...Array.from({ length: 7 }, () => ({ txt: 1 })), good];
    const { stdout, exitCode } = await data(rows, '--limit', '0');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^rows {7}1 /);
    expect(stdout).toMatch(/unusable {3}7 rows:\n {2}.*line 1: unknown key "txt"[^]*\n {2}and 2 more\n$/);
  });

  it('gives the same to a program, a line for each row and one for all', async () => {
    const { stdout } = await data([good, good], '--limit', '1', '--json');
    const [row, all, ...rest] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(row).toMatchObject({ line: 1, format: 'messages', learned: 6, cut: false, odd: [] });
    const { tokens, labels, pieces } = row as Record<'tokens' | 'labels' | 'pieces', unknown[]>;
    expect([labels.length, pieces.length]).toEqual([tokens.length, tokens.length]);
    expect(all).toMatchObject({ summary: { rows: 2, odd: { duplicate: { rows: 1 } }, problems: { count: 0 } } });
    expect(rest).toEqual([]);
  });

  it('takes the chosen answers where asked, and the format that is asked for', async () => {
    const preference = { prompt: 'a', chosen: 'b', rejected: 'c' };
    expect((await data([preference])).exitCode).toBe(1);
    expect((await data([preference], '--chosen')).stdout).toContain('(preference): ');
    expect((await data([preference], '--format', 'text')).stdout).toContain('a row of the format text has "text"');
  });
});
