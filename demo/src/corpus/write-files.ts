import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { openTokenizer } from 'espalier/tokenizer';
import type { Policy } from './dialogue.ts';
import { groupByLength } from './group-by-length.ts';
import { baseRows, policyRows, type BaseRowsOptions, type DemoRow } from './rows.ts';
import { createDemoTokenizer } from './tokenizer-files.ts';

const vocabSize = 2048;
const tokenizerRows = 20_000;
const policySizes = { train: 400, eval: 60 } as const;

/** Names of the files of fine-tuning data, by policy. */
const policyFiles = { strict: 'risk-strict', lenient: 'risk-lenient', 'strict-v2': 'risk-strict-v2' } as const;

const policies = ['strict', 'lenient', 'strict-v2'] as const satisfies readonly Policy[];

/** Writes `tokenizer.json` and `tokenizer_config.json`, trained on training rows of the base and of each policy. */
export async function writeTokenizer(folder: string, { seed }: { readonly seed: number }): Promise<void> {
  const split = 'train';
  const rows = [
    ...baseRows({ seed, rows: tokenizerRows, split }),
    ...policies.flatMap((policy) => policyRows({ seed, policy, split, rows: policySizes.train })),
  ];
  const { tokenizer, tokenizerConfig } = createDemoTokenizer(textsOf(rows), { vocabSize });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'tokenizer.json'), `${JSON.stringify(tokenizer)}\n`);
  await writeFile(join(folder, 'tokenizer_config.json'), `${JSON.stringify(tokenizerConfig, null, 2)}\n`);
}

/** Writes the training and evaluation rows of both policies, and of the second version of the strict one. */
export async function writePolicies(folder: string, { seed }: { readonly seed: number }): Promise<void> {
  for (const policy of policies) {
    for (const split of ['train', 'eval'] as const) {
      const rows = policyRows({ seed, policy, split, rows: policySizes[split] });
      await writeRows(join(folder, `${policyFiles[policy]}.${split}.jsonl`), rows);
    }
  }
}

export interface CorpusOptions extends BaseRowsOptions {
  /** Folder of a tokenizer. With it, conversations are rendered to text by its chat template; without it they stay messages. */
  readonly renderWith?: string | undefined;
  /** Groups rows of similar length for batches of this many rows, taken in the order of the file. */
  readonly batchSize?: number | undefined;
}

/** Writes rows for the base. In rendered text, the user's words count in the loss too, which suits the training of a base. */
export async function writeCorpus(path: string, options: CorpusOptions): Promise<void> {
  const { renderWith, batchSize, seed } = options;
  const written = renderWith === undefined ? baseRows(options) : await renderRows(baseRows(options), renderWith);
  const length = (row: DemoRow): number => JSON.stringify(row).length;
  await writeRows(path, batchSize === undefined ? written : groupByLength([...written], length, { batchSize, seed }));
}

async function renderRows(rows: Iterable<DemoRow>, folder: string): Promise<Iterable<DemoRow>> {
  const tokenizer = await openTokenizer(folder);
  if (tokenizer === undefined) throw new Error(`${folder} has no tokenizer.json; write it first`);
  const render = (row: DemoRow): DemoRow =>
    'text' in row ? row : { text: tokenizer.renderChat(row.messages, { addGenerationPrompt: false }) };
  return (function* () {
    for (const row of rows) yield render(row);
  })();
}

function* textsOf(rows: Iterable<DemoRow>): Generator<string> {
  for (const row of rows) {
    if ('text' in row) yield row.text;
    else for (const { content } of row.messages) yield content;
  }
}

async function writeRows(path: string, rows: Iterable<DemoRow>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const stream = createWriteStream(path);
  for (const row of rows) {
    if (!stream.write(`${JSON.stringify(row)}\n`)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'finish');
}
