import { parseArgs } from 'node:util';

import { writeCorpus, writePolicies, writeTokenizer } from './write-files.ts';

const usage = `Writes the files of the demo. Everything follows from the seed.

  tokenizer  [--seed 1] [--output demo/base]       tokenizer.json and tokenizer_config.json
  policies   [--seed 1] [--output demo/data]       the fine-tuning rows of both policies
  corpus     [--seed 1] [--output FILE] [--rows N] [--split train|eval] [--render DIR] [--batch N]
             rows for the base; --render writes conversations as text, with the template of that tokenizer;
             --batch groups rows of about one length for batches of N rows, taken in the order of the file
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    output: { type: 'string' },
    rows: { type: 'string', default: '40000' },
    split: { type: 'string', default: 'train' },
    render: { type: 'string' },
    batch: { type: 'string' },
  },
});
const seed = Number(values.seed);
const [command] = positionals;

switch (command) {
  case 'tokenizer':
    await writeTokenizer(values.output ?? 'demo/base', { seed });
    break;
  case 'policies':
    await writePolicies(values.output ?? 'demo/data', { seed });
    break;
  case 'corpus': {
    const split = values.split === 'eval' ? 'eval' : 'train';
    const path = values.output ?? `demo/data/base.${split}.jsonl`;
    const batchSize = values.batch === undefined ? undefined : Number(values.batch);
    await writeCorpus(path, { seed, split, rows: Number(values.rows), renderWith: values.render, batchSize });
    break;
  }
  default:
    process.stderr.write(usage);
    process.exitCode = 2;
}
