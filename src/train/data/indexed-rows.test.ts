import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { indexRows, type IndexRowsOptions } from './indexed-rows.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-index-'));
  path = join(folder, 'rows.jsonl');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Row {
  readonly text: string;
}

const options: IndexRowsOptions<Row> = {
  encode: (value) => [{ text: JSON.stringify(value) }],
  accept: ({ text }) => text !== '"left out"',
  lengthOf: ({ text }) => text.length,
  bytesOf: () => 100,
};

// A byte order mark, carriage returns, blank lines, characters of several bytes, and no line feed at the end.
const lines = '\ufeff{"a":1}\r\n\n"left out"\n{"b":"ü€😀"}\n  \n[3,4]';
const rows = ['{"a":1}', '{"b":"ü€😀"}', '[3,4]'].map((text) => ({ text }));

describe('indexRows', () => {
  it.each([0, 100, 10_000])('gives rows by their numbers in any order, with %d bytes held', async (heldBytes) => {
    await writeFile(path, lines);
    await using source = await indexRows(path, { ...options, heldBytes });
    expect(source.count).toBe(3);
    expect(await source.read([0, 1, 2])).toEqual(rows);
    expect(await source.read([2, 2, 0])).toEqual([rows[2], rows[2], rows[0]]);
    expect([0, 1, 2].map((index) => source.lengthOf(index))).toEqual(rows.map(({ text }) => text.length));
  });

  it('holds no more encoded rows than it may', async () => {
    await writeFile(path, lines);
    let encoded = 0;
    const counting = { ...options, encode: (value: unknown) => ((encoded += 1), [{ text: JSON.stringify(value) }]) };
    await using source = await indexRows(path, { ...counting, heldBytes: 100 });
    expect(encoded).toBe(4);
    await source.read([0]);
    expect(encoded).toBe(4);
    await source.read([1, 2]);
    expect(encoded).toBe(6);
  });

  it('grows to many rows', async () => {
    await writeFile(path, Array.from({ length: 5000 }, (_, i) => `{"row":${i}}\n`).join(''));
    await using source = await indexRows(path, { ...options, heldBytes: 0 });
    expect(source.count).toBe(5000);
    expect(await source.read([4999, 0, 1024])).toEqual([4999, 0, 1024].map((i) => ({ text: `{"row":${i}}` })));
  });

  it('refuses rows of a file that was written to after it was checked', async () => {
    await writeFile(path, lines);
    await using source = await indexRows(path, { ...options, heldBytes: 0 });
    await appendFile(path, '\n{"more":1}');
    await expect(source.read([0])).rejects.toMatchObject({ code: 'DATA_CHANGED', details: { path } });
  });

  it.each([0, 200, 10_000])('joins files of any form in their order, with %d bytes held', async (heldBytes) => {
    const paths = ['a.jsonl', 'b.json', 'c.csv', 'd.jsonl.gz'].map((name) => join(folder, name));
    const contents = [lines, '[{"c":1}]', 'x,y\n1,2\n', gzipSync('{"d":1}\n{"e":2}\n')];
    for (const [index, name] of paths.entries()) await writeFile(name, contents[index] ?? '');
    await using source = await indexRows(paths, { ...options, heldBytes });
    const all = [...rows, ...['{"c":1}', '{"x":"1","y":"2"}', '{"d":1}', '{"e":2}'].map((text) => ({ text }))];
    expect(source.count).toBe(7);
    expect(await source.read([6, 5, 4, 3, 2, 1, 0])).toEqual(all.toReversed());
  });

  it('names the file and the place of each row with a problem', async () => {
    const paths = ['a.jsonl', 'b.json'].map((name) => join(folder, name));
    await writeFile(paths[0] ?? '', '{"a":1}\n{"b"\n');
    await writeFile(paths[1] ?? '', '[{"c":1},{"d"}]');
    await expect(indexRows(paths, options)).rejects.toMatchObject({
      code: 'DATA_ROWS_INVALID',
      message: expect.stringMatching(/^2 of 4 rows .*a\.jsonl, line 2 .*b\.json, row 2 /) as string,
    });
  });

  it('closes the file when a row is refused', async () => {
    await writeFile(path, '{"a":1}\nnot json\n');
    await expect(indexRows(path, options)).rejects.toMatchObject({ code: 'DATA_JSON_BROKEN' });
  });
});
