import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

import { openTokenizer, type Tokenizer } from '../../tokenizer/index.ts';
import type { LabelledRowOptions } from './encode-labelled-row.ts';
import { encodeTokenRow } from './encode-token-row.ts';

const place = { path: 'rows.jsonl', line: 1, unit: 'line' } as const;
let tokenizer: Tokenizer | undefined;
beforeAll(async () => {
  tokenizer = await openTokenizer(fileURLToPath(new URL('../../../test/golden/bert-types/model', import.meta.url)));
});

const options = (maxLength = 100): LabelledRowOptions => ({
  base: {
    config: {
      kind: 'encoder',
      family: 'bert',
      vocabSize: 60,
      hiddenSize: 4,
      layers: 1,
      kvHeads: 1,
      headDim: 4,
      maxPositions: 20,
    },
    labels: ['O', 'B-GOOD', 'I-GOOD'],
    perToken: true,
  },
  tokenizer,
  maxLength,
  classes: 3,
});

function indicesOf(row: unknown, maxLength?: number): readonly number[] {
  const { target } = encodeTokenRow(row, place, options(maxLength)).example;
  return target.kind === 'tokens' ? [...target.indices] : [];
}

describe('encodeTokenRow', () => {
  it('gives the first token of each word its label, and none to other tokens', () => {
    // [CLS] the film was un ##ex ##pect ##ed ##ly good ! [SEP]
    const row = { tokens: ['the', 'film', 'was', 'unexpectedly', 'good!'], labels: ['O', 0, 'O', 'B-GOOD', 'I-GOOD'] };
    expect(encodeTokenRow(row, place, options()).example).toMatchObject({ inputIds: { length: 12 } });
    expect(indicesOf(row)).toEqual([-100, 0, 0, 0, 1, -100, -100, -100, -100, 2, -100, -100]);
  });

  it('reads the labels of a data set of names, and cuts them with the tokens', () => {
    expect(indicesOf({ id: '7', tokens: ['good', 'film'], ner_tags: [1, 0] })).toEqual([-100, 1, 0, -100]);
    expect(indicesOf({ tokens: ['good', 'film', 'film'], labels: [1, 0, 0] }, 4)).toEqual([-100, 1, 0, -100]);
  });

  it('takes one label for each token id', () => {
    expect(indicesOf({ input_ids: [2, 14, 15, 3], labels: [-100, 'O', 2, -100] })).toEqual([-100, 0, 2, -100]);
    expect(indicesOf({ input_ids: [2, 14, 15, 3], labels: [-100, 'O', 2, -100] }, 3)).toEqual([-100, 0, 2]);
  });

  it.each([
    [{ tokens: ['good'], labels: [0, 1] }, '2 labels for 1 tokens'],
    [{ input_ids: [2, 3], labels: [0] }, '1 labels for 2 input_ids'],
    [{ input_ids: [2, 3], labels: [-100, -100] }, 'nothing is learned'],
    [{ tokens: ['good'], labels: ['PER'] }, 'no class is called "PER"'],
    [{ tokens: ['good'], labels: [3] }, 'from 0 to 2'],
    [{ tokens: ['good'], labels: 1 }, 'must be a list of labels'],
    [{ tokens: ['good'], labels: [1], ner_tags: [1] }, 'one for each word or token'],
    [{ tokens: 'good', labels: [1] }, 'a list of words'],
    [{ text: 'good', labels: [1] }, '"input_ids"'],
    [[1], 'expected a JSON object'],
  ])('refuses %j', (row, message) => {
    expect(() => encodeTokenRow(row, place, options())).toThrow(message);
  });
});
