import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openBaseModel } from '../../models/index.ts';
import { openTokenizer } from '../../tokenizer/index.ts';
import { readInputs } from './read-inputs.ts';
import { readLabelled, type LabelledDataset, type ReadLabelledOptions } from './read-labelled.ts';
import type { RowSource } from './row-source.ts';

const dir = fileURLToPath(new URL('../../../test/golden/bert-types/model', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-labelled-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function file(rows: readonly unknown[]): Promise<string> {
  const path = join(folder, 'rows.jsonl');
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

async function textOptions(): Promise<ReadLabelledOptions> {
  const [base, tokenizer] = [await openBaseModel(dir), await openTokenizer(dir)];
  return { base, tokenizer, maxLength: 20, classes: 3, outputShape: [3] };
}

async function readText(
  rows: readonly unknown[],
  options: Partial<ReadLabelledOptions> = {},
): Promise<LabelledDataset> {
  return readLabelled(await file(rows), { ...(await textOptions()), ...options });
}

async function readImages(
  rows: readonly unknown[],
  options: Partial<ReadLabelledOptions> = {},
): Promise<LabelledDataset> {
  const { config } = await openBaseModel(dir);
  const inputs = [{ name: 'image', dtype: 'float32', shape: ['batch', 2, 'width'] }] as const;
  const base = { config, inputs };
  const reading = { base, tokenizer: undefined, maxLength: 20, classes: undefined, outputShape: [2] };
  return readLabelled(await file(rows), { ...reading, ...options });
}

function allOf<Row>(rows: RowSource<Row>): Promise<readonly Row[]> {
  return rows.read(Array.from({ length: rows.count }, (_, index) => index));
}

describe('labelled rows of text', () => {
  it('become tokens with a class, by number or by name', async () => {
    const rows = [
      { text: 'the film was good', label: 'good' },
      { text: 'dull', text_pair: 'bright', label: '0' },
      { input_ids: [2, 9, 3], labels: 1, note: 'left alone' },
    ];
    const { kind, rows: source, hasSegments, account } = await readText(rows);
    const examples = await allOf(source);
    expect(kind).toBe('classes');
    expect(examples.map(({ target }) => target)).toEqual([2, 0, 1].map((index) => ({ kind: 'classes', index })));
    expect(examples.map((row) => row.kind === 'tokens' && [...row.inputIds])).toEqual([
      [2, 9, 11, 12, 13, 3],
      [2, 33, 3, 34, 3],
      [2, 9, 3],
    ]);
    expect(examples.map((row) => row.kind === 'tokens' && row.typeIds && [...row.typeIds])).toEqual([
      undefined,
      [0, 0, 0, 1, 1],
      undefined,
    ]);
    expect(hasSegments).toBe(true);
    expect(account).toMatchObject({ rows: 3, examples: 3, tokens: 14, supervisedTokens: 3, dropped: 0, truncated: 0 });
    expect(account.unknownFields).toMatchObject([{ field: 'note', rows: 1 }]);
  });

  it('are cut at the maximum length, and counted', async () => {
    const { rows, account } = await readText([{ text: 'the film was good', label: 1 }], { maxLength: 4 });
    const examples = await allOf(rows);
    expect(examples[0]).toMatchObject({ inputIds: Int32Array.of(2, 9, 11, 3) });
    expect(account.truncated).toBe(1);
  });

  it.each([
    { row: { text: 'good' }, problem: /"label" or a "target"; it has "text"/ },
    { row: { text: 'good', label: 1, target: 1 }, problem: /"label" and "target"/ },
    { row: { text: 'good', label: 3 }, problem: /from 0 to 2, got 3/ },
    { row: { text: 'good', label: -1 }, problem: /from 0 to 2, got -1/ },
    { row: { text: 'good', label: 0.5 }, problem: /got 0.5. A number to come close to is a "target"/ },
    { row: { text: 'good', label: 0.5 }, problem: /got 0.5/ },
    { row: { text: 'good', label: '3' }, problem: /from 0 to 2, got 3/ },
    { row: { text: 'good', label: 1, weight: 0.5 }, problem: /"weight" would change what is learned/ },
    { row: { input_ids: [2, 3], attention_mask: [1, 0], label: 1 }, problem: /"attention_mask" leaves tokens out/ },
    { row: { text: 'good', label: 'goood' }, problem: /known are "bad", "fair", "good"\. Did you mean "good"\?/ },
    { row: { text: 'good', input_ids: [2], label: 1 }, problem: /it has both/ },
    { row: { label: 1 }, problem: /"text" .* or "input_ids"/ },
    { row: { text: 5, label: 1 }, problem: /"text" must be a string/ },
    { row: { input_ids: [], label: 1 }, problem: /"input_ids" must be a list/ },
    { row: { input_ids: [2, 3], token_type_ids: [0], label: 1 }, problem: /1 token_type_ids for 2 input_ids/ },
    { row: { text: 'good', target: 0.5 }, problem: /"target" must be \[3\]/ },
    { row: ['good'], problem: /expected a JSON object/ },
  ])('are refused with their line: $row', async ({ row, problem }) => {
    const reading = readText([{ text: 'good', label: 1 }, row]);
    await expect(reading).rejects.toMatchObject({ code: 'DATA_ROW_INVALID' });
    await expect(readText([row])).rejects.toThrow(problem);
    await expect(reading).rejects.toThrow(/line 2/);
  });

  it('are refused where a token id is not in the vocabulary', async () => {
    const reading = readText([{ input_ids: [2, 60], label: 0 }]);
    await expect(reading).rejects.toMatchObject({ code: 'DATA_TOKEN_OUT_OF_RANGE' });
  });

  it('need a label each, and not some a target', async () => {
    const rows = [
      { text: 'good', label: 1 },
      { text: 'good', target: [1, 2, 3] },
    ];
    await expect(readText(rows)).rejects.toThrow(/it has a target, where the rows before it have labels/);
    await expect(readText(rows.slice(1), { kind: 'classes' })).rejects.toThrow(/it has a target/);
  });

  it('must be there', async () => {
    await expect(readText([])).rejects.toMatchObject({ code: 'DATA_EMPTY' });
  });
});

describe('rows of other things', () => {
  const image = [
    [1, 2, 3],
    [4, 5, 6],
  ];

  it('become tensors by the names of the inputs, with numbers to hit', async () => {
    const { kind, rows } = await readImages([
      { inputs: { image }, target: [0.5, -1] },
      { input: image, target: [1, 2] },
    ]);
    const examples = await allOf(rows);
    expect(kind).toBe('numbers');
    const [first, second] = examples;
    expect(first?.kind === 'tensors' && first.inputs.get('image')).toMatchObject({ dtype: 'float32', shape: [2, 3] });
    expect(first?.target).toEqual({ kind: 'numbers', values: Float32Array.of(0.5, -1), shape: [2] });
    expect(second?.kind === 'tensors' && second.inputs).toEqual(first?.kind === 'tensors' && first.inputs);
  });

  it.each([
    { row: { inputs: { image: [[1, 2, 3]] }, label: 0 }, problem: /"image" must be \[2, width\], got \[1, 3\]/ },
    { row: { inputs: { picture: image }, label: 0 }, problem: /no input "picture"; it has "image"/ },
    { row: { inputs: {}, label: 0 }, problem: /"image" must be numbers/ },
    { row: { text: 'an image', label: 0 }, problem: /"inputs" with "image"; it has "text", "label"/ },
    { row: { input: [[1], [2, 3]], label: 0 }, problem: /lists of 1 and of 2/ },
    { row: { input: image, label: 'cat' }, problem: /the base has no names of classes/ },
    { row: { input: image, target: [1] }, problem: /"target" must be \[2\]/ },
  ])('are refused: $row', async ({ row, problem }) => {
    await expect(readImages([row])).rejects.toThrow(problem);
  });

  it('have one shape in a file', async () => {
    const narrow = image.map((line) => line.slice(1));
    const rows = [image, narrow].map((input) => ({ input, label: 0 }));
    await expect(readImages(rows)).rejects.toThrow(/"image" is \[2, 2\], and \[2, 3\] in the first row/);
  });

  it('take labels only where there are several classes', async () => {
    await expect(readImages([{ input: image, label: 0 }], { outputShape: [1] })).rejects.toThrow(/Give "target"/);
    await expect(readImages([{ input: image, label: 0 }], { outputShape: [4, 4] })).rejects.toThrow(/Give "target"/);
  });

  it('may say one number where there is one to hit', async () => {
    const { rows } = await readImages([{ input: image, target: 3 }], { outputShape: [1] });
    const examples = await allOf(rows);
    expect(examples[0]?.target).toMatchObject({ values: Float32Array.of(3), shape: [] });
  });
});

describe('rows without labels', () => {
  it('are read the same way, and labels are left alone', async () => {
    const options = await textOptions();
    const rows = await readInputs(await file([{ text: 'good' }, { text: 'good', label: 'strange' }]), options);
    expect(rows).toEqual([0, 1].map(() => ({ inputIds: Int32Array.of(2, 13, 3), typeIds: undefined })));
  });
});
