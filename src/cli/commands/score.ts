import type { Command } from 'commander';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { openBaseModel, storedBytes, verifyWeights, type BaseModel } from '../../models/index.ts';
import { openChosenEnvironment } from '../../execution/index.ts';
import { openScorer, type SequenceScore } from '../../evaluate/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { readExamples } from '../../train/index.ts';
import { openTokenizerFor } from '../adapter-tokenizer.ts';
import { chatTemplateOption, declareBaseOptions, templateOption } from '../base-options.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { loadScaled } from '../load-adapters.ts';
import { adapterSpecs, path, positiveInteger, readOptions, tokenIds } from '../read-options.ts';

const schema = z.object({
  base: path,
  adapter: adapterSpecs.default([]),
  anyBase: z.boolean().default(false),
  text: z.string().optional(),
  file: path.optional(),
  chatTemplate: path.optional(),
  template: z.enum(['base', 'adapter'], { error: 'base or adapter' }).default('adapter'),
  inputIds: tokenIds.optional(),
  maxLength: positiveInteger.optional(),
});

type ScoreOptions = z.output<typeof schema>;

export const scoreCommand: CommandDefinition = {
  name: 'score',
  summary: 'Tells how likely a text is, token by token.',
  examples: [
    'espalier score --base models/tiny --text "Once upon a time"',
    'espalier score --base models/tiny --adapter adapters/strict --file held-out.jsonl --json',
    'espalier score --base models/tiny --adapter adapters/strict=0.5 --input-ids 1,17,9 --json',
  ],
  configure: declareOptions,
  run: async (options, context) => {
    const read = readOptions(schema, options);
    const base = await openBaseModel(read.base);
    const tokenizer = await openTokenizerFor(read, base, context.output);
    const rows = await readRows(read, base, tokenizer, context.signal);
    const adapters = await loadScaled(read.adapter, { base, anyBase: read.anyBase, output: context.output });
    await verifyWeights(base, context);
    using environment = await openChosenEnvironment({ ...context, weights: storedBytes(base.stored) });
    const longest = rows.reduce((length, row) => Math.max(length, row.length), 1);
    const maxLength = Math.min(longest, base.config.maxPositions);
    using scorer = await openScorer({ base, environment, adapters, maxLength });
    for (const tokens of rows)
      print(tokens, await scorer.score(tokens, context), { tokenizer, context, options: read });
  },
};

function declareOptions(command: Command): void {
  declareBaseOptions(command)
    .option('--text <text>', 'a text: bos, its tokens, eos')
    .option('--file <file>', 'JSONL with a row for each text; answers with a line for each')
    .option('--input-ids <ids>', 'token ids as they are, such as 1,2,3')
    .option(...chatTemplateOption)
    .option(...templateOption)
    .option('--max-length <n>', 'tokens of a row; what is longer is cut (default: no limit but the model’s)');
}

/** Reads the sequences to score. They are cut only if a limit is given; otherwise the scorer refuses a text that is too long. */
async function readRows(
  { text, file, inputIds, maxLength = Infinity }: ScoreOptions,
  base: BaseModel,
  tokenizer: Tokenizer | undefined,
  signal: AbortSignal,
): Promise<(readonly number[])[]> {
  const given = Object.entries({ '--text': text, '--file': file, '--input-ids': inputIds });
  const names = given.filter(([, value]) => value !== undefined).map(([name]) => name);
  if (names.length !== 1) {
    const actual = names.length === 0 ? 'none of them' : names.join(' and ');
    throw new EspalierError('CLI_CONFLICT', { expected: 'one of --text, --file and --input-ids', actual });
  }
  if (file !== undefined) {
    const reading = { tokenizer, vocabSize: base.config.vocabSize, maxLength, withoutTargets: 'keep', signal } as const;
    const { examples } = await readExamples(file, reading);
    return examples.map(({ inputIds: ids }) => [...ids]);
  }
  if (inputIds !== undefined) return [inputIds.slice(0, maxLength)];
  if (tokenizer === undefined) {
    const expected = '--input-ids or --file, since the folder of the base has no tokenizer';
    throw new EspalierError('CLI_CONFLICT', { expected, actual: '--text' });
  }
  return [tokenizer.encode(text ?? '', { bos: true, eos: true }).slice(0, maxLength)];
}

interface Printing {
  readonly tokenizer: Tokenizer | undefined;
  readonly context: CommandContext;
  readonly options: ScoreOptions;
}

function print(tokens: readonly number[], score: SequenceScore, { tokenizer, context, options }: Printing): void {
  const { logprobs, nll, perplexity } = score;
  const summary = `perplexity ${perplexity.toFixed(4)}, ${nll.toFixed(4)} nats a token over ${Math.max(0, tokens.length - 1)} tokens`;
  const listing = tokens.map((token, i) => {
    const name =
      tokenizer === undefined ? String(token) : JSON.stringify(tokenizer.decode([token], { skipSpecial: false }));
    return `${logprobs[i]?.toFixed(4) ?? '-'}\t${name}`;
  });
  const answer = { tokens, logprobs, nll, perplexity };
  context.output.answer(answer, () => (options.file === undefined ? [...listing, summary] : [summary]).join('\n'));
}
