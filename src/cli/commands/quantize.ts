import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { EspalierError, systemClock } from '../../core/index.ts';
import { formatBytes } from '../../atomic-files/index.ts';
import { openBaseModel, verifyWeights, type BaseModel } from '../../models/index.ts';
import { quantizeBase, type QuantizeOptions, type QuantizeResult } from '../../quantize/index.ts';
import { fastestForm, knownKernels, openChosenEnvironment, type QuantizedForm } from '../../execution/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import { openScorer, type LabelledRow } from '../../evaluate/index.ts';
import { openTokenizer } from '../../tokenizer/index.ts';
import { readExamples } from '../../train/index.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { createProgress, type Progress } from '../progress.ts';
import { path, positiveInteger, readOptions } from '../read-options.ts';

const blockSize = positiveInteger.refine((value) => [16, 32, 64, 128, 256].includes(value), {
  error: '16, 32, 64, 128 or 256',
});

const schema = z.object({
  base: path,
  output: path,
  bits: z.enum(['4', '8'], { error: '4 or 8' }).optional(),
  int8: z.boolean().default(false),
  fastest: z.boolean().default(false),
  blockSize: blockSize.default(32),
  activations: z.enum(['int8', 'float32'], { error: 'int8 or float32' }).optional(),
  keep: z.array(z.string().min(1)).default([]),
  text: path.optional(),
  file: path.optional(),
  maxLength: positiveInteger.default(512),
});

type Options = z.output<typeof schema>;

/** `espalier quantize`: writes a smaller and faster checkpoint, and measures the loss of quality. */
export const quantizeCommand: CommandDefinition = {
  name: 'quantize',
  summary: 'Writes a checkpoint with weights of 8 or 4 bits, for serving and for training adapters.',
  examples: [
    'espalier quantize --base models/tiny --output models/tiny-8 --bits 8 --text held-out.txt',
    'espalier quantize --base hf:org/name --output models/name-4 --bits 4 --keep lm_head',
    'espalier quantize --base models/tiny --output models/tiny-int8 --int8 --file held-out.jsonl --json',
    'espalier quantize --base models/tiny --output models/tiny-fast --fastest',
  ],
  configure: declareOptions,
  run: async (given, context) => {
    const options = await chooseForm(readOptions(schema, given), context);
    const settings = settingsOf(options);
    const base = await openBaseModel(options.base);
    const rows = await readRows(options, base, context);
    await verifyWeights(base, context);
    const started = systemClock.now();
    const result = await quantizeWithProgress(base, { ...options, settings }, context);
    const seconds = Number(((systemClock.now() - started) / 1000).toFixed(2));
    const measured = rows === undefined ? undefined : await measure(base, { ...options, rows }, context);
    print({ ...result, seconds }, measured, { options, context });
  },
};

function declareOptions(command: Command): void {
  command
    .requiredOption('--base <dir>', 'the model: a Hugging Face folder, or hf:org/name')
    .requiredOption('--output <dir>', 'the folder to write; it must not exist yet')
    .option('--bits <n>', '8 or 4 bits in blocks (default: 8); with 4, embedding and head get 8')
    .option('--int8', 'whole channels of 8 bits for products of bytes: the fastest, and no smaller than --bits 8')
    .option('--fastest', 'the one of these forms by which this machine is fastest (see espalier inspect --kernels)')
    .option('--block-size <n>', 'numbers that share a scale: 16, 32, 64, 128 or 256 (default: 32)')
    .option('--activations <type>', 'what products of blocks take in: int8 (default) or float32, which is slower')
    .option('--keep <module>', 'leave a module as it is: lm_head, down_proj or a whole path; may be repeated', collect)
    .option('--text <file>', 'a text: perplexity on it before and after')
    .option('--file <file>', 'rows of JSONL: perplexity on them before and after')
    .option('--max-length <n>', 'tokens of a row or of a piece of the text (default: 512)');
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

const optionsOf: Readonly<Record<QuantizedForm, Pick<Options, 'bits' | 'int8'>>> = {
  int8: { bits: undefined, int8: true },
  '8-bit blocks': { bits: '8', int8: false },
  '4-bit blocks': { bits: '4', int8: false },
};

/** Puts the form by which this machine is fastest in the place of `--fastest`. */
async function chooseForm(options: Options, { threads, spinUs, output }: CommandContext): Promise<Options> {
  if (!options.fastest) return options;
  const named = options.int8 ? '--int8' : (options.bits && '--bits') || (options.activations && '--activations');
  if (named) throw conflict(`--fastest or ${named}`, 'both');
  using environment = await openChosenEnvironment({ threads, spinUs, provider: 'cpu' });
  const form = fastestForm((await knownKernels(environment)).speeds);
  output.note(`Of the quantized forms this machine is fastest by ${form}.`);
  return { ...options, ...optionsOf[form] };
}

type Settings = Omit<QuantizeOptions, 'signal' | 'onProgress'>;

function settingsOf({ bits, int8, activations, blockSize: size, keep }: Options): Settings {
  if (int8 && bits === '4') throw conflict('--int8 or --bits 4', 'both');
  if (int8 && activations === 'float32') throw conflict('--int8 or --activations float32', 'both');
  const scheme = int8 ? 'int8' : 'blocks';
  return { scheme, bits: bits === '4' ? 4 : 8, blockSize: size, activations: activations ?? 'int8', keep };
}

function conflict(expected: string, actual: string): EspalierError {
  return new EspalierError('CLI_CONFLICT', { expected, actual });
}

async function quantizeWithProgress(
  base: BaseModel,
  { output: folder, settings }: { readonly output: string; readonly settings: Settings },
  { output, signal }: CommandContext,
): Promise<QuantizeResult> {
  let bar: Progress | undefined;
  try {
    return await quantizeBase(base, folder, {
      ...settings,
      signal,
      onProgress: ({ doneBytes, totalBytes }) => {
        bar ??= createProgress(output, {
          total: totalBytes,
          format: '{bar} {percentage}% | {done} | {eta_formatted} left',
        });
        bar.update(doneBytes, { done: formatBytes(doneBytes) });
      },
    });
  } finally {
    bar?.[Symbol.dispose]();
  }
}

/** Reads the texts for the measurement before anything is written. Returns undefined if none were named. */
async function readRows(
  { text, file, base: dir, maxLength }: Options,
  base: BaseModel,
  { signal }: CommandContext,
): Promise<LabelledRow[] | undefined> {
  if (text === undefined && file === undefined) return undefined;
  if (text !== undefined && file !== undefined) throw conflict('--text or --file', 'both');
  if (base.graphs.trunk === undefined)
    throw conflict('no --text and no --file for a base that does not continue text', 'one');
  const tokenizer = await openTokenizer(dir);
  const limit = Math.min(maxLength, base.config.maxPositions);
  if (file !== undefined) {
    const reading = {
      tokenizer,
      vocabSize: base.config.vocabSize,
      maxLength: limit,
      withoutTargets: 'keep',
      signal,
    } as const;
    const { examples } = await readExamples(file, reading);
    return examples.map(({ inputIds }) => labelled([...inputIds]));
  }
  if (tokenizer === undefined) throw conflict('--file, since the folder of the base has no tokenizer', '--text');
  const content = await readFile(text ?? '', 'utf8').catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'text', path: text ?? '' }, { cause });
  });
  const ids = tokenizer.encode(content, { bos: true, eos: false });
  return Array.from({ length: Math.ceil(ids.length / limit) }, (_, i) =>
    labelled(ids.slice(i * limit, (i + 1) * limit)),
  );
}

function labelled(inputIds: readonly number[]): LabelledRow {
  return { inputIds, labels: inputIds };
}

interface Measured {
  readonly perplexityBefore: number;
  readonly perplexityAfter: number;
  readonly tokens: number;
}

async function measure(
  before: BaseModel,
  { output, rows }: { readonly output: string; readonly rows: readonly LabelledRow[] },
  { threads, spinUs, provider, deviceMemory, signal }: CommandContext,
): Promise<Measured> {
  using environment = await openChosenEnvironment({ threads, spinUs, provider, deviceMemory });
  const evaluation = await evaluate(before, rows, { environment, signal });
  const after = await evaluate(await openBaseModel(output), rows, { environment, signal });
  const [perplexityBefore, perplexityAfter] = [Math.exp(evaluation.loss), Math.exp(after.loss)];
  return { perplexityBefore, perplexityAfter, tokens: evaluation.targetTokens };
}

async function evaluate(
  base: BaseModel,
  rows: readonly LabelledRow[],
  { environment, signal }: { readonly environment: Environment; readonly signal: AbortSignal },
): ReturnType<Awaited<ReturnType<typeof openScorer>>['evaluate']> {
  const maxLength = rows.reduce((longest, { inputIds }) => Math.max(longest, inputIds.length), 1);
  using scorer = await openScorer({ base, environment, maxLength });
  return await scorer.evaluate(rows, { signal });
}

function print(
  result: QuantizeResult & { readonly seconds: number },
  measured: Measured | undefined,
  { options, context }: { readonly options: Options; readonly context: CommandContext },
): void {
  const { quantized, kept, bytesBefore, bytesAfter, seconds } = result;
  if (measured === undefined) context.output.note('Name a text by --text or --file to see what it costs.');
  context.output.answer({ output: options.output, ...result, ...measured }, () =>
    [
      `${options.output}: ${quantized} weights quantized, ${kept} kept, in ${seconds} s`,
      `${formatBytes(bytesBefore)} became ${formatBytes(bytesAfter)}, ${((100 * bytesAfter) / bytesBefore).toFixed(0)} % of it`,
      ...(measured === undefined ? [] : [describe(measured)]),
    ].join('\n'),
  );
}

function describe({ perplexityBefore, perplexityAfter, tokens }: Measured): string {
  const change = 100 * (perplexityAfter / perplexityBefore - 1);
  const numbers = `${perplexityBefore.toFixed(4)} before, ${perplexityAfter.toFixed(4)} after`;
  return `perplexity ${numbers} (${change >= 0 ? '+' : ''}${change.toFixed(2)} %), over ${tokens} tokens`;
}
