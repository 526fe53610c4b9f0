// Writes rows of input_ids and labels from chat messages, so that both programs of a comparison get the same tokens.
//
//   node bench/rows.mjs --tokenizer demo/base --data demo/data/risk-strict.train.jsonl --output FILE
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { openTokenizer } from '#internal/tokenizer';
import { readExamples } from '#internal/train';

const { values } = parseArgs({
  options: { tokenizer: { type: 'string' }, data: { type: 'string' }, output: { type: 'string' } },
});
const tokenizer = await openTokenizer(values.tokenizer);
const { examples } = await readExamples(values.data, { tokenizer, vocabSize: tokenizer.vocabSize, maxLength: 2048 });
const lines = examples.map(({ inputIds, labels }) =>
  JSON.stringify({ input_ids: Array.from(inputIds, Number), labels: Array.from(labels, Number) }),
);
await writeFile(values.output, `${lines.join('\n')}\n`);
