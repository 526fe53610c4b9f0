import type { Command } from 'commander';
import { z } from 'zod';
import { createRandom, EspalierError } from '../../core/index.ts';
import { mergeCheckpoint, type MergedAdapter } from '../../adapter-files/index.ts';
import { basePath, openBaseModel, verifyWeights, type BaseModel } from '../../models/index.ts';
import { quantizationOf } from '../../quantize/index.ts';
import { openChosenEnvironment } from '../../execution/index.ts';
import { logitDrift, type LogitDrift } from '../../evaluate/index.ts';
import { openTokenizer } from '../../tokenizer/index.ts';
import { anyBaseOption } from '../base-options.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { loadScaled } from '../load-adapters.ts';
import { mergeQuantized } from '../merge-quantized.ts';
import { createProgress } from '../progress.ts';
import { adapterSpecs, nonNegativeNumber, path, readOptions, tokenIds } from '../read-options.ts';

const schema = z.object({
  base: path,
  adapter: adapterSpecs.refine((specs) => specs.length > 0, { error: 'an adapter' }),
  anyBase: z.boolean().default(false),
  output: path,
  dtype: z.enum(['f32', 'bf16', 'base'], { error: 'f32, bf16 or base' }).default('base'),
  maxDrift: nonNegativeNumber.optional(),
  text: z.string().optional(),
  inputIds: tokenIds.optional(),
  force: z.boolean().default(false),
});

type MergeOptions = z.output<typeof schema>;

/**
 * The default bounds on the difference of logits. For f32 weights it covers rounding only. With half-width weights, differences of
 * some tenths are usual; with quantized weights they are larger.
 */
const usualDrift = { f32: 1e-3, half: 0.5, quantized: 1 } as const;

export const adapterMergeCommand: CommandDefinition = {
  name: 'adapter merge',
  summary: 'Adds adapters to the weights of their base, and writes a whole checkpoint.',
  examples: [
    'espalier adapter merge --base models/tiny --adapter adapters/strict --output models/tiny-strict',
    'espalier adapter merge --base models/tiny --adapter a=0.7 --adapter b=0.3 --output models/both --dtype f32',
    'espalier adapter merge --base models/tiny --adapter strict.bin --output out --dtype bf16 --max-drift 0.05 --json',
  ],
  configure: declareOptions,
  run: async (options, context) => {
    const read = readOptions(schema, options);
    const base = await openBaseModel(read.base);
    const adapters = await loadScaled(read.adapter, { base, anyBase: read.anyBase, output: context.output });
    await verifyWeights(base, context);
    const isQuantized = quantizationOf(base) !== undefined;
    if (isQuantized && read.dtype !== 'base') {
      throw new EspalierError('CLI_CONFLICT', { expected: '--dtype base for a quantized base', actual: read.dtype });
    }
    const bound = read.maxDrift ?? usualDrift[isQuantized ? 'quantized' : isHalf(read, base) ? 'half' : 'f32'];
    let drift: LogitDrift | undefined;
    const check = async (dir: string): Promise<void> => {
      drift = await driftOf(dir, { base, adapters, options: read, context });
      if (drift !== undefined && drift.max > bound && !read.force) throw tooFar(drift, bound);
    };
    using progress = createProgress(context.output, {
      total: base.weights.size,
      format: 'merging {bar} {value}/{total}',
    });
    const merging = { base, adapters, output: read.output, replace: read.force, signal: context.signal, check };
    const { changed } = isQuantized
      ? await mergeQuantized(merging)
      : await mergeCheckpoint({ ...merging, dtype: read.dtype, onProgress: (done) => progress.update(done, {}) });
    context.output.answer({ output: read.output, changed, bound, drift: drift ?? null }, () =>
      [`${changed} weights changed, written to ${read.output}`, describeDrift(drift, bound)].join('\n'),
    );
  },
};

function declareOptions(command: Command): void {
  command
    .requiredOption('--base <dir>', 'the model: a Hugging Face folder')
    .option('--adapter <path[=scale]>', 'an adapter in any format, and how strongly; may be repeated', collect)
    .option(...anyBaseOption)
    .requiredOption('--output <dir>', 'the folder to write')
    .option('--dtype <type>', 'f32, bf16, or base (default): each weight keeps its type')
    .option(
      '--max-drift <x>',
      'how far a logit may be from base and adapters (default: 0.001, half-width weights 0.5, quantized 1)',
    )
    .option('--text <text>', 'the sample on which logits are compared (default: 4 rows of 32 drawn tokens)')
    .option('--input-ids <ids>', 'the sample as token ids, such as 1,2,3')
    .option('--force', 'replace the model that is at the output, and write also if the drift is beyond the bound');
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function isHalf({ dtype }: MergeOptions, base: BaseModel): boolean {
  if (dtype !== 'base') return dtype === 'bf16';
  return [...base.weights.values()].some((weight) => weight.dtype !== 'float32');
}

interface Merged {
  readonly base: BaseModel;
  readonly adapters: readonly MergedAdapter[];
  readonly options: MergeOptions;
  readonly context: CommandContext;
}

/** Returns undefined for a base without logits of tokens, and for adapters that can only be merged. */
async function driftOf(dir: string, { base, adapters, options, context }: Merged): Promise<LogitDrift | undefined> {
  const hasMagnitudes = adapters.some(({ modules }) => [...modules.values()].some(({ magnitude }) => magnitude));
  const onlyMerged = adapters.some(({ saved }) => saved !== undefined) || (hasMagnitudes && adapters.length > 1);
  if (base.graphs.scoring === undefined || onlyMerged) return undefined;
  const rows = await sampleRows(options, base);
  using environment = await openChosenEnvironment(context);
  const merged = await openBaseModel(dir);
  return await logitDrift({ base, adapters }, { base: merged }, { environment, rows, signal: context.signal });
}

async function sampleRows({ text, inputIds }: MergeOptions, base: BaseModel): Promise<(readonly number[])[]> {
  if (text !== undefined && inputIds !== undefined) {
    throw new EspalierError('CLI_CONFLICT', { expected: 'one of --text and --input-ids', actual: 'both' });
  }
  if (inputIds !== undefined) return [inputIds];
  if (text === undefined) return drawnRows(base);
  const tokenizer = await openTokenizer(basePath(base));
  if (tokenizer === undefined) {
    const expected = '--input-ids, since the folder of the base has no tokenizer';
    throw new EspalierError('CLI_CONFLICT', { expected, actual: '--text' });
  }
  return [tokenizer.encode(text, { bos: true })];
}

/** Draws random tokens. Bases with the same vocabulary get the same tokens. */
function drawnRows({ config }: BaseModel): number[][] {
  const random = createRandom(0, 'adapter merge');
  const length = Math.min(32, config.maxPositions);
  return Array.from({ length: 4 }, () => Array.from({ length }, () => random.integer(config.vocabSize)));
}

function tooFar({ max }: LogitDrift, bound: number): EspalierError {
  return new EspalierError('MERGE_DRIFT', { drift: max.toPrecision(3), bound });
}

function describeDrift(drift: LogitDrift | undefined, bound: number): string {
  if (drift === undefined) return 'drift      not measured: no graph gives logits of tokens with these adapters';
  const { max, mean, scale, agreement, positions } = drift;
  const percent = (100 * agreement).toFixed(1);
  return [
    `drift      up to ${max.toPrecision(3)} (${mean.toPrecision(3)} on average) in logits of up to ${scale.toPrecision(3)}; the bound is ${bound}`,
    `agreement  the same likeliest token at ${percent} % of ${positions} positions`,
  ].join('\n');
}
