import { appendFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parquetBytes } from '../testing/parquet-files.ts';
import type { RowAddress } from './data-file.ts';
import { gunzip } from './file-bytes.ts';
import { listDataFiles } from './list-data-files.ts';
import { openDataFile } from './open-data-file.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'espalier-files-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Read {
  readonly rows: unknown[];
  readonly lines: number[];
  readonly unit: string;
}

/** Reads a file, and every row of it again, in the opposite order. */
async function read(name: string, content: string | Uint8Array): Promise<Read> {
  const path = join(folder, name);
  await writeFile(path, content);
  await using file = await openDataFile(path);
  const rows: unknown[] = [];
  const kept: { address: RowAddress; line: number }[] = [];
  for await (const row of file.rows()) {
    rows.push(row.parse());
    kept.push({ address: await file.keep(row), line: row.place.line });
  }
  await file.assertUnchanged();
  const again: unknown[] = [];
  for (const { address, line } of kept.toReversed()) {
    again.unshift(await file.readAgain(address, { path, unit: file.unit, line }));
  }
  expect(again).toEqual(rows);
  return { rows, lines: kept.map(({ line }) => line), unit: file.unit };
}

const rows = [{ text: 'a "b", [c]' }, { text: 'ü€😀', n: [1, { x: '\\' }] }];
const [first, second] = rows.map((row) => JSON.stringify(row));
const lines = `\ufeff${first}\r\n\n${second}`;
const list = `\ufeff \n[${first}\n,\t${second} ]\n`;
const table = 'text,messages\n"a, ""b""","[{""role"":""user""}]"\n\nü€😀,\n';
const tableRows = [{ text: 'a, "b"', messages: [{ role: 'user' }] }, { text: 'ü€😀' }];
const parquetRows = [
  {
    messages: [
      { role: 'user', content: 'Lock my card.', weight: null },
      { role: 'assistant', content: 'It is locked.', weight: 1 },
    ],
    id: 7,
  },
  {
    messages: [
      { role: 'user', content: 'Grüße 😀', weight: null },
      { role: 'assistant', content: 'Hello!', weight: 0 },
    ],
    id: '9007199254740993',
  },
];

/** A table whose text "Lock" begins with a byte that no UTF-8 has. Snappy keeps short texts as they are. */
const brokenText = parquetBytes('snappy');
brokenText[brokenText.indexOf('Lock')] = 0xff;

describe('openDataFile', () => {
  it.each<[string, string | Uint8Array, unknown[], number[], string]>([
    ['rows.jsonl', lines, rows, [1, 3], 'line'],
    ['rows.json', list, rows, [1, 2], 'row'],
    ['rows', list, rows, [1, 2], 'row'],
    ['rows.json', '[]', [], [], 'row'],
    ['rows.jsonl.gz', gzipSync(lines), rows, [1, 3], 'line'],
    ['rows.json.gz', gzipSync(list), rows, [1, 2], 'row'],
    ['rows.bin', gzipSync(list), rows, [1, 2], 'row'],
    ['rows.csv', table, tableRows, [1, 2], 'row'],
    ['rows.tsv', 'text\tn\na,b\t5\n', [{ text: 'a,b', n: '5' }], [1], 'row'],
    ['rows.csv.gz', gzipSync(table), tableRows, [1, 2], 'row'],
    ['rows.parquet', parquetBytes('zstd'), parquetRows, [1, 2], 'row'],
    ['rows', parquetBytes('snappy'), parquetRows, [1, 2], 'row'],
  ])('reads %s, twice', async (name, content, expected, places, unit) => {
    expect(await read(name, content)).toEqual({ rows: expected, lines: places, unit });
  });

  it('leaves texts of a table that look like JSON as they are, and takes headings without the spaces around them', async () => {
    const { rows } = await read(
      'a.csv',
      'prompt, completion ,Input,input_ids\nq,"{""a"": 1}",[x],"[1, 2]"\nq,"[1, 2]",,\n',
    );
    expect(rows).toEqual([
      { prompt: 'q', completion: '{"a": 1}', Input: '[x]', input_ids: [1, 2] },
      { prompt: 'q', completion: '[1, 2]' },
    ]);
  });

  it('reads characters and rows that chunks of the file cut in two', async () => {
    const long = Array.from({ length: 40 }, (_, i) => ({ text: 'é'.repeat(3001 + i) }));
    expect((await read('rows.json', JSON.stringify(long))).rows).toEqual(long);
    expect((await read('rows.csv', `text\n${long.map(({ text }) => text).join('\n')}`)).rows).toEqual(long);
  });

  it('leaves nothing in the folder for temporary files', async () => {
    const before = (await readdir(tmpdir())).filter((name) => name.startsWith('espalier-rows-'));
    await read('rows.csv', table);
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('espalier-rows-'))).toEqual(before);
  });

  it('tells a file that was written to since', async () => {
    const path = join(folder, 'rows.json');
    await writeFile(path, list);
    await using file = await openDataFile(path);
    await appendFile(path, ' ');
    await expect(file.assertUnchanged()).rejects.toMatchObject({ code: 'DATA_CHANGED' });
  });

  it.each<[string, string | Uint8Array, string, RegExp]>([
    ['rows.json', '[{"a":1}', 'DATA_FILE_INVALID', /its list has no end/],
    ['rows.json', '[{"a":1}] {}', 'DATA_FILE_INVALID', /something follows its list/],
    ['rows.json', '[{"a":1},]', 'DATA_JSON_BROKEN', /row 2 is not valid JSON/],
    ['rows.json', '[{"a":1} {"b":2}]', 'DATA_JSON_BROKEN', /row 1/],
    [
      'rows.json',
      Buffer.concat([Buffer.from('["'), Uint8Array.of(0xc3, 0x28), Buffer.from('"]')]),
      'DATA_NOT_UTF8',
      /row 1/,
    ],
    ['rows.jsonl.gz', gzipSync(lines).subarray(0, 40), 'DATA_FILE_INVALID', /not whole gzip/],
    ['rows.csv', 'a,a\n1,2\n', 'DATA_FILE_INVALID', /two columns are called "a"/],
    ['rows.csv', 'a;b\n1;2\n', 'DATA_FILE_INVALID', /separate columns with commas/],
    ['rows.csv', 'a,__proto__\n1,2\n', 'DATA_FILE_INVALID', /__proto__/],
    ['rows.csv', 'a,b\n1\n', 'DATA_FILE_INVALID', /length is 2, got 1/],
    ['rows.csv', 'a,b\n1,"2\n', 'DATA_FILE_INVALID', /quote/i],
    ['rows.csv', Uint8Array.of(0x61, 0x0a, 0xc3, 0x28), 'DATA_FILE_INVALID', /not valid UTF-8/],
    ['rows.parquet', brokenText, 'DATA_FILE_INVALID', /not valid|encoded data/],
    ['rows.parquet', Buffer.from('PAR1'), 'DATA_FILE_INVALID', /shorter than any Parquet file/],
    ['rows.parquet', Buffer.from('PAR1....\xff\xff\xff\xffPAR1', 'latin1'), 'DATA_FILE_INVALID', /longer than 64 MiB/],
    ['rows.parquet', parquetBytes('zstd').subarray(0, 900), 'DATA_FILE_INVALID', /its end is missing/],
  ])('refuses %s: %#', async (name, content, code, message) => {
    await expect(read(name, content)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it('refuses gzip that becomes far more than rows do', async () => {
    const zeros = gzipSync(Buffer.alloc(2 ** 20));
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield zeros;
    }
    const expand = async (ratio: number): Promise<number> => {
      let total = 0;
      const options = { path: 'rows.jsonl.gz', size: zeros.length, limits: { ratio, least: 0 } };
      for await (const chunk of gunzip(chunks(), options)) total += chunk.length;
      return total;
    };
    await expect(expand(100)).rejects.toThrow('kB of gzip become more than');
    expect(await expand(1100)).toBe(2 ** 20);
  });

  it('never fails otherwise than by name on a damaged table', async () => {
    const whole = parquetBytes('snappy');
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, byte) => {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        const outcome: unknown = await read('rows.parquet', damaged).catch((error: unknown) => error);
        const code = outcome instanceof Error && 'code' in outcome ? outcome.code : outcome;
        expect(code instanceof Error ? code : 'by name').toBe('by name');
      }),
      { numRuns: 60 },
    );
  });

  it('divides any list as a parser does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue({ maxDepth: 3 })), fc.constantFrom(0, 2), async (items, indent) => {
        const text = JSON.stringify(items, null, indent);
        expect((await read('rows.json', text)).rows).toEqual(JSON.parse(text));
      }),
      { numRuns: 60 },
    );
  });
});

describe('listDataFiles', () => {
  it('takes files as they are named, and those of folders by name', async () => {
    await mkdir(join(folder, 'more', '.hidden'), { recursive: true });
    const names = ['b.jsonl', 'a.csv.gz', 'more/c.parquet', 'readme.md', '.d.jsonl', 'more/.hidden/e.json'];
    for (const name of names) await writeFile(join(folder, name), '');
    const single = join(folder, 'readme.md');
    expect(await listDataFiles([single, folder])).toEqual([
      single,
      ...['a.csv.gz', 'b.jsonl', 'more/c.parquet'].map((name) => join(folder, name)),
    ]);
  });

  it.each(['data-00000-of-00001.arrow', 'rows.XLSX'])(
    'refuses tables that it does not read, alone and in a folder: %s',
    async (name) => {
      for (const each of ['a.jsonl', name]) await writeFile(join(folder, each), '');
      const refused = expect.objectContaining({
        code: 'DATA_FILE_INVALID',
        message: expect.stringContaining('save it as Parquet'),
      });
      await expect(listDataFiles(join(folder, name))).rejects.toEqual(refused);
      await expect(listDataFiles(folder)).rejects.toEqual(refused);
    },
  );

  it('refuses a folder without rows', async () => {
    await expect(listDataFiles(folder)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});
