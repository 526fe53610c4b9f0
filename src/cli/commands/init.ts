import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { createRandomBase, type RandomBaseConfig } from '../../models/index.ts';
import { openTokenizer, type Tokenizer } from '../../tokenizer/index.ts';
import type { CommandDefinition } from '../command.ts';
import { nonNegativeNumber, path, positiveInteger, positiveNumber, readOptions, wholeNumber } from '../read-options.ts';

const initOptions = z.object({
  output: path,
  family: z.string().default('llama'),
  tokenizer: path.optional(),
  vocabSize: positiveInteger.optional(),
  hiddenSize: positiveInteger,
  intermediateSize: positiveInteger.optional(),
  layers: positiveInteger,
  heads: positiveInteger,
  kvHeads: positiveInteger.optional(),
  headDim: positiveInteger.optional(),
  maxPositions: positiveInteger.default(2048),
  ropeTheta: positiveNumber.default(10_000),
  initializerRange: nonNegativeNumber.default(0.02),
  tiedEmbeddings: z.boolean().default(false),
  dtype: z.enum(['float32', 'float16', 'bfloat16'], { error: 'float32, float16 or bfloat16' }).default('float32'),
  seed: wholeNumber.default(0),
});

type InitOptions = z.output<typeof initOptions>;

export const initCommand: CommandDefinition = {
  name: 'init',
  summary: 'Makes a base with random weights, to be trained with `train --full` or to measure with.',
  examples: [
    'espalier init --output models/tiny --tokenizer data/tokenizer --hidden-size 192 --layers 6 --heads 6 --kv-heads 2 --tied-embeddings',
    'espalier init --output models/shape --vocab-size 32000 --hidden-size 896 --intermediate-size 4864 --layers 24 --heads 14 --kv-heads 2',
  ],
  configure: declareOptions,
  run: async (options, { output }) => {
    const read = readOptions(initOptions, options);
    const tokenizer = read.tokenizer === undefined ? undefined : await openTokenizer(read.tokenizer);
    const config = configOf(read, tokenizer);
    await createRandomBase({
      config,
      dir: read.output,
      seed: read.seed,
      dtype: read.dtype,
      ...(tokenizer && {
        generation: {
          ...(tokenizer.bosId !== undefined && { bosTokenId: tokenizer.bosId }),
          eosTokenIds: tokenizer.eosIds,
        },
      }),
    });
    if (read.tokenizer !== undefined) await copyTokenizer(read.tokenizer, read.output);
    output.answer({ output: read.output, config }, () => `written to ${read.output}`);
  },
};

function declareOptions(command: Command): void {
  command
    .requiredOption('--output <dir>', 'the folder to write')
    .option('--family <name>', 'llama (default), mistral, qwen3, gemma2, gpt2 … as `model_type` names it')
    .option('--tokenizer <dir>', 'a folder with tokenizer.json; its files are copied, its vocabulary gives the size')
    .option('--vocab-size <n>', 'default: that of the tokenizer')
    .requiredOption('--hidden-size <n>', 'width of the hidden states')
    .option('--intermediate-size <n>', 'width inside the feed-forward part (default: 8/3 of the hidden size)')
    .requiredOption('--layers <n>', 'blocks')
    .requiredOption('--heads <n>', 'query heads')
    .option('--kv-heads <n>', 'heads of keys and values (default: as many as query heads)')
    .option('--head-dim <n>', 'size of a head (default: hidden size / heads)')
    .option('--max-positions <n>', 'longest sequence (default: 2048)')
    .option('--rope-theta <x>', 'base of the rotary angles (default: 10000)')
    .option('--initializer-range <x>', 'standard deviation of the matrices (default: 0.02)')
    .option('--tied-embeddings', 'the head uses the matrix of the embedding')
    .option('--dtype <type>', 'float32 (default), float16 or bfloat16')
    .option('--seed <n>', 'fixes every weight (default: 0)');
}

function configOf(options: InitOptions, tokenizer: Tokenizer | undefined): RandomBaseConfig {
  const { hiddenSize, heads } = options;
  return {
    kind: 'decoder',
    family: options.family,
    vocabSize: readOptions(z.object({ vocabSize: positiveInteger }), {
      vocabSize: options.vocabSize ?? tokenizer?.vocabSize,
    }).vocabSize,
    hiddenSize,
    // A gated feed-forward part has three matrices. With the factor 8/3 they are as large as two with the factor 4. Rounded up to 16.
    intermediateSize: options.intermediateSize ?? Math.ceil((hiddenSize * 8) / 3 / 16) * 16,
    layers: options.layers,
    heads,
    kvHeads: options.kvHeads ?? heads,
    headDim: options.headDim ?? Math.floor(hiddenSize / heads),
    rmsNormEpsilon: 1e-5,
    ropeTheta: options.ropeTheta,
    maxPositions: options.maxPositions,
    tiedEmbeddings: options.tiedEmbeddings,
    attentionBias: false,
    mlpBias: false,
    initializerRange: options.initializerRange,
  };
}

const tokenizerFiles = /^(tokenizer.*\.json|special_tokens_map\.json|added_tokens\.json|chat_template\.jinja)$/;

async function copyTokenizer(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  const names = (await readdir(from)).filter((name) => tokenizerFiles.test(name));
  for (const name of names) await copyFile(join(from, name), join(to, name));
}
