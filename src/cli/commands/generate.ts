import type { Command } from 'commander';
import { z } from 'zod';
import type { Adapter } from '../../lora/index.ts';
import { openBaseModel, storedBytes, verifyWeights, type BaseModel } from '../../models/index.ts';
import { openChosenEnvironment } from '../../execution/index.ts';
import { AdapterRegistry } from '../../routing/index.ts';
import { adapterRowsFor, openEngine, type Engine, type GenerationRequest } from '../../engine/index.ts';
import { AnswerText, type Tokenizer } from '../../tokenizer/index.ts';
import { openTokenizerFor } from '../adapter-tokenizer.ts';
import { chatTemplateOption, declareBaseOptions, templateOption } from '../base-options.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { loadAdapters } from '../load-adapters.ts';
import {
  adapterSpecs,
  jsonObject,
  nonNegativeNumber,
  path,
  positiveInteger,
  probability,
  readOptions,
  tokenIds,
  wholeNumber,
} from '../read-options.ts';
import { remarkOnEnd } from '../remark-on-end.ts';
import { readPrompt, type Prompt } from '../read-prompt.ts';

const schema = z.object({
  base: path,
  adapter: adapterSpecs.default([]),
  anyBase: z.boolean().default(false),
  prompt: z.string().optional(),
  messages: path.optional(),
  chatTemplate: path.optional(),
  template: z.enum(['base', 'adapter'], { error: 'base or adapter' }).default('adapter'),
  chatTemplateKwargs: jsonObject.optional(),
  enableThinking: z.boolean().optional(),
  inputIds: tokenIds.optional(),
  maxTokens: positiveInteger.default(128),
  temperature: nonNegativeNumber.default(0),
  topK: wholeNumber.optional(),
  topP: probability.optional(),
  seed: wholeNumber.optional(),
});

type GenerateOptions = z.output<typeof schema>;

/** `espalier generate`: writes one answer, and prints its text as it is generated. */
export const generateCommand: CommandDefinition = {
  name: 'generate',
  summary: 'Goes on from a prompt, with adapters or without.',
  examples: [
    'espalier generate --base models/tiny --prompt "Once upon a time"',
    'espalier generate --base models/tiny --adapter adapters/strict --messages question.json --temperature 0.8 --top-p 0.95',
    'espalier generate --base models/tiny --adapter adapters/strict=0.5 --adapter adapters/kind --input-ids 1,17,9 --json',
  ],
  configure: declareOptions,
  async run(options, context) {
    const read = readOptions(schema, options);
    const base = await openBaseModel(read.base);
    const tokenizer = await openTokenizerFor(read, base, context.output);
    const prompt = await readPrompt(read, tokenizer);
    const adapters = await loadAdapters(read.adapter, { base, anyBase: read.anyBase, output: context.output });
    await verifyWeights(base, context);
    using environment = await openChosenEnvironment({ ...context, weights: storedBytes(base.stored) });
    await using engine = await openEngine({ base, environment, ...sizesFor(read, base, prompt, adapters) });
    using registry = new AdapterRegistry(engine.arena);
    for (const [name, weights] of adapters) await registry.load(name, weights);
    // These leases last as long as the process. The engine holds its own shares of them.
    const leased = read.adapter.map(({ path: name, scale }) => ({ lease: registry.acquire(name), scale }));
    const request = { ...requestOf(read, prompt, tokenizer, base, context), adapters: leased };
    await answer(engine, request, { tokenizer, prompt, context, maxPositions: base.config.maxPositions });
  },
};

function declareOptions(command: Command): void {
  declareBaseOptions(command)
    .option('--prompt <text>', 'text to go on from')
    .option('--messages <file>', 'a JSON file of chat messages to answer')
    .option(...chatTemplateOption)
    .option(...templateOption)
    .option('--chat-template-kwargs <json>', 'further values for the chat template, such as {"enable_thinking": false}')
    .option('--enable-thinking', 'gives the chat template enable_thinking: true')
    .option('--no-enable-thinking', 'gives the chat template enable_thinking: false')
    .option('--input-ids <ids>', 'token ids to go on from, such as 1,2,3')
    .option('--max-tokens <n>', 'longest answer in tokens (default: 128)')
    .option('--temperature <x>', '0 takes the likeliest token each time (default: 0)')
    .option('--top-k <n>', 'draw only from the k likeliest tokens')
    .option('--top-p <p>', 'draw only from the likeliest tokens that together reach p')
    .option('--seed <n>', 'fixes the draws');
}

/** Opens an engine for one request. It has room for the longest answer, and for the modules and ranks of the adapters. */
function sizesFor(
  { maxTokens }: GenerateOptions,
  base: BaseModel,
  prompt: Prompt,
  adapters: ReadonlyMap<string, Adapter>,
) {
  const maxLength = Math.min(base.config.maxPositions, prompt.tokens.length + maxTokens);
  const sizes = { maxSlots: 1, maxLength, prefillChunk: 512 };
  if (adapters.size === 0) return { ...sizes, adapterTargets: false as const };
  const modules = [...adapters.values()].flatMap((weights) => [...weights.modules]);
  const ranks = Array.from(adapters.values(), (weights) => largestRank(weights));
  return {
    ...sizes,
    adapterTargets: [...new Set(modules.map(([module]) => module))],
    adapterRows: adapterRowsFor(ranks),
    maxAdapterRank: Math.max(...ranks),
    dora: modules.some(([, { magnitude }]) => magnitude !== undefined),
    loraBias: modules.some(([, { bias }]) => bias !== undefined),
  };
}

function largestRank({ modules }: Adapter): number {
  return Math.max(1, ...Array.from(modules.values(), ({ rank }) => rank));
}

function requestOf(
  options: GenerateOptions,
  { tokens }: Prompt,
  tokenizer: Tokenizer | undefined,
  base: BaseModel,
  { signal }: CommandContext,
): GenerationRequest {
  const { maxTokens, temperature, topK, topP, seed } = options;
  return {
    tokens,
    maxTokens,
    temperature,
    ...(topK === undefined ? {} : { topK }),
    ...(topP === undefined ? {} : { topP }),
    ...(seed === undefined ? {} : { seed }),
    stopTokenIds: [...base.generation.eosTokenIds, ...(tokenizer?.eosIds ?? [])],
    signal,
  };
}

interface Printing {
  readonly tokenizer: Tokenizer | undefined;
  readonly prompt: Prompt;
  readonly context: CommandContext;
  /** The context of the base, in tokens. */
  readonly maxPositions: number;
}

/** Without a tokenizer the text consists of the ids, separated by commas as `--input-ids` takes them. */
async function answer(
  engine: Engine,
  request: GenerationRequest,
  { tokenizer, prompt, context, maxPositions }: Printing,
): Promise<void> {
  const { output } = context;
  const decoder = tokenizer?.createStreamDecoder(prompt.decoding);
  const words = new AnswerText({ decoder, stops: prompt.stops, minTokens: 0 });
  const tokens: number[] = [];
  let text = '';
  let finishReason: string | undefined;
  const show = (piece: string): void => {
    text += piece;
    output.stream(piece);
  };
  for await (const next of engine.generate(request)) {
    tokens.push(next.token);
    const added = words.add(words.decode(next.token, next.finishReason), next.finishReason);
    finishReason = added.finishReason;
    if (decoder === undefined) show(tokens.length === 1 ? String(next.token) : `,${next.token}`);
    else show(added.text);
    if (finishReason !== undefined) break;
  }
  // The text was streamed, so only the end of its line is missing.
  output.answer({ text: decoder === undefined ? null : text, tokens, finishReason }, () => '');
  const isEmpty = decoder !== undefined && text === '';
  const remark = remarkOnEnd({ count: tokens.length, finishReason, isEmpty }, request, maxPositions);
  if (remark !== undefined) output.note(remark);
}
