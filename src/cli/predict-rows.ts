import type { Command } from 'commander';
import { z } from 'zod';
import { EspalierError } from '../core/index.ts';
import {
  basePath,
  choosePrompt,
  inputTypes,
  openBaseModel,
  storedBytes,
  verifyWeights,
  type BaseModel,
} from '../models/index.ts';
import { openPredictor, type PredictRow, type TokenSource } from '../evaluate/index.ts';
import { openChosenEnvironment } from '../execution/index.ts';
import { openTokenizer, type Tokenizer } from '../tokenizer/index.ts';
import { readInputs } from '../train/index.ts';
import { declareBaseOptions } from './base-options.ts';
import type { CommandContext } from './command.ts';
import { loadScaled } from './load-adapters.ts';
import { adapterSpecs, path, positiveInteger, readOptions, tokenIds } from './read-options.ts';

const schema = z.object({
  base: path,
  adapter: adapterSpecs.default([]),
  anyBase: z.boolean().default(false),
  text: z.string().optional(),
  textPair: z.string().optional(),
  file: path.optional(),
  inputIds: tokenIds.optional(),
  maxLength: positiveInteger.optional(),
  promptName: z.string().optional(),
  inputType: z.enum(inputTypes).optional(),
  labels: z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()))
    .refine((names) => names.length > 1 && names.every((name) => name !== ''), { error: 'names such as bad,good' })
    .optional(),
});

type PredictOptions = z.output<typeof schema>;

/** Declares the options of `classify` and `embed`. */
export function declarePredictOptions(command: Command): void {
  declareBaseOptions(command)
    .option('--text <text>', 'a text')
    .option('--text-pair <text>', 'a second text, read together with the first')
    .option(
      '--file <file>',
      'JSONL with a row for each: text (and text_pair), input_ids, or inputs; answers with a line for each',
    )
    .option('--input-ids <ids>', 'token ids as they are, such as 101,2003,102')
    .option('--max-length <n>', 'tokens of a row; a longer text is cut (default: it is refused)');
}

type SourcedRow = PredictRow & { readonly source?: TokenSource };

/** Rows with their results: logits or a vector for each row. */
export interface Predictions {
  readonly base: BaseModel;
  readonly results: readonly Float32Array[];
  /** For each row its text, of a base that gives numbers for each token; undefined for token ids. */
  readonly sources: readonly (TokenSource | undefined)[];
}

/** Runs the rows of a command line through the base and its adapters. */
export async function predictRows(
  task: 'classification' | 'embedding',
  options: Readonly<Record<string, unknown>>,
  context: CommandContext,
): Promise<Predictions> {
  const read = readOptions(schema, options);
  const base = await openBaseModel(read.base, { labels: read.labels });
  const rows = await readRows(read, base, context.signal);
  const adapters = await loadScaled(read.adapter, { base, anyBase: read.anyBase, output: context.output });
  await verifyWeights(base, context);
  using environment = await openChosenEnvironment({ ...context, weights: storedBytes(base.stored) });
  const longest = rows.reduce((length, row) => Math.max(length, 'inputs' in row ? 1 : row.inputIds.length), 1);
  const maxLength = Math.min(longest, base.config.maxPositions);
  using predictor = await openPredictor({ base, environment, task, adapters, maxLength });
  const sources = rows.map((row) => ('source' in row ? row.source : undefined));
  return { base, results: await predictor.predict(rows, context), sources };
}

async function readRows(
  { text, textPair, file, inputIds, maxLength = Infinity, ...choice }: PredictOptions,
  base: BaseModel,
  signal: AbortSignal,
): Promise<readonly SourcedRow[]> {
  const given = Object.entries({ '--text': text, '--file': file, '--input-ids': inputIds });
  const names = given.filter(([, value]) => value !== undefined).map(([name]) => name);
  if (names.length !== 1 || (textPair !== undefined && text === undefined)) {
    const actual =
      names.length === 0
        ? 'none of them'
        : [...names, ...(textPair === undefined ? [] : ['--text-pair'])].join(' and ');
    throw new EspalierError('CLI_CONFLICT', { expected: 'one of --text, --file and --input-ids', actual });
  }
  const tokenizer = await openTokenizer(basePath(base));
  const prompt = promptOf(choice, base);
  if (file !== undefined) return readInputs(file, { base, tokenizer, maxLength, prompt, signal });
  if (base.inputs !== undefined) {
    const expected = `--file with rows of "inputs" (${base.inputs.map(({ name }) => name).join(', ')})`;
    throw new EspalierError('CLI_CONFLICT', { expected, actual: names.join('') });
  }
  if (inputIds !== undefined) return [{ inputIds: inputIds.slice(0, maxLength) }];
  return [encodeText(tokenizer, { text: prompt + (text ?? ''), pair: textPair, maxLength })];
}

/** What stands before every text: nothing, unless the base embeds and has prompts. */
function promptOf(
  { promptName: name, inputType: type }: Pick<PredictOptions, 'promptName' | 'inputType'>,
  { prompts }: BaseModel,
): string {
  const chosen = choosePrompt(prompts, { name, type });
  if ('prompt' in chosen) return chosen.prompt;
  throw new EspalierError('CLI_CONFLICT', { expected: 'a prompt of the base', actual: chosen.problem });
}

function encodeText(
  tokenizer: Tokenizer | undefined,
  { text, pair, maxLength }: { text: string; pair: string | undefined; maxLength: number },
): SourcedRow {
  if (tokenizer === undefined) {
    const expected = '--input-ids or --file, since the folder of the base has no tokenizer';
    throw new EspalierError('CLI_CONFLICT', { expected, actual: '--text' });
  }
  const offsets = pair === undefined;
  const encoded = tokenizer.encodeForEncoder(text, { pair, maxLength, offsets });
  const source = encoded.offsets && { text, offsets: encoded.offsets };
  return { inputIds: encoded.ids, typeIds: encoded.typeIds, ...(source && { source }) };
}
