import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { openBaseModel } from '../../models/index.ts';
import { defaultMaxLength, formatNames, inspectRows, type InspectedRow, truncations } from '../../train/index.ts';
import { openTokenizerFor } from '../adapter-tokenizer.ts';
import { chatTemplateOption, templateOption } from '../base-options.ts';
import { exitCodes, type CommandDefinition } from '../command.ts';
import { describeInspection, describeRow, inspectionAnswer, rowAnswer } from '../describe-rows.ts';
import { path, positiveInteger, readOptions, wholeNumber } from '../read-options.ts';

const formats = ['auto', ...formatNames] as const;

const schema = z.object({
  paths: z.array(path).min(1),
  base: path,
  adapter: path.optional(),
  chatTemplate: path.optional(),
  template: z.enum(['base', 'adapter'], { error: 'base or adapter' }).default('adapter'),
  format: z.enum(formats, { error: formats.join(', ') }).default('auto'),
  chosen: z.boolean().default(false),
  maxLength: positiveInteger.optional(),
  truncation: z.enum(truncations, { error: truncations.join(', ') }).default('cut-end'),
  skipEmpty: z.boolean().default(false),
  limit: wholeNumber.default(3),
});

/** `espalier data`: what a training would make of rows, without training. */
export const dataCommand: CommandDefinition = {
  name: 'data',
  summary: 'Shows rows as a training takes them: tokens, what is learned, and what is cut, dropped or odd.',
  examples: [
    'espalier data rows.jsonl --base models/tiny',
    'espalier data rows/ more.parquet --base models/tiny --max-length 256 --limit 0',
    'espalier data rows.csv --base models/tiny --format alpaca --json',
  ],
  configure: (command) =>
    void command
      .argument('<paths...>', 'files of JSONL, JSON, CSV or Parquet, or folders')
      .requiredOption('--base <dir>', 'the model whose tokenizer and chat template are used, or hf:org/name')
      .option('--adapter <dir>', 'an adapter to train further, whose own chat template and tokenizer are used')
      .option(...chatTemplateOption)
      .option(...templateOption)
      .option('--format <name>', `the format of the rows: ${formats.join(', ')}`)
      .option('--chosen', 'of rows with a chosen and a rejected answer, take the chosen one')
      .option('--max-length <n>', 'tokens of a row (default: the smaller of 512 and the model’s)')
      .option('--truncation <how>', `rows that are longer: ${truncations.join(', ')} (default: cut-end)`)
      .option('--skip-empty', 'leave out rows with nothing to learn, as train --skip-empty does')
      .option('--limit <n>', 'rows to show token by token (default: 3)'),
  run: async (options, { output, signal }) => {
    const read = readOptions(schema, options);
    const base = await openBaseModel(read.base);
    if (base.task !== undefined && base.task !== 'causal-lm') {
      const expected = '--base to write text; the rows of a base with labels are shown by train';
      throw new EspalierError('CLI_CONFLICT', { expected, actual: `${read.base} (${base.task})` });
    }
    const adapter = read.adapter === undefined ? [] : [{ path: read.adapter, scale: 1 }];
    const tokenizer = await openTokenizerFor({ ...read, adapter }, base, output);
    const { vocabSize, maxPositions } = base.config;
    const maxLength = Math.min(read.maxLength ?? defaultMaxLength, maxPositions);
    let shown = 0;
    const show = (row: InspectedRow): void => {
      if (shown++ >= read.limit) return;
      output.answer(rowAnswer(row, tokenizer), () => `${describeRow(row, tokenizer)}\n`);
    };
    const format = read.format === 'auto' ? undefined : read.format;
    const reading = {
      tokenizer,
      vocabSize,
      maxLength,
      format,
      chosen: read.chosen,
      truncation: read.truncation,
      signal,
    };
    const inspection = await inspectRows(read.paths, reading, show);
    output.answer({ summary: inspectionAnswer(inspection) }, () =>
      describeInspection(inspection, { ...read, maxLength }),
    );
    const { problems, dropped, tooLong } = inspection;
    const isRefused =
      problems.count > 0 ||
      (dropped !== undefined && !read.skipEmpty) ||
      (tooLong !== undefined && read.truncation === 'error');
    return isRefused ? exitCodes.failure : exitCodes.success;
  },
};
