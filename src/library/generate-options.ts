import { z } from 'zod';
import { parseTokenId } from '../engine/index.ts';
import type { ChatMessage } from '../tokenizer/index.ts';
import { answerFormat } from './answer-format.ts';
import { signal, wholeNumber } from './read-options.ts';

const number = z.number({ error: 'a number' });
const tokenIds = z.array(wholeNumber, { error: 'token ids' }).readonly();

/** An adapter of a call and its strength. */
const adapterUse = z
  .object({ name: z.string(), scale: number.optional() }, { error: 'names of adapters, each with its scale' })
  .readonly();

const adapter = z
  .union([z.string(), z.array(adapterUse).readonly()], {
    error: 'the name of an adapter, or a list of { name, scale }',
  })
  .optional();

/** The options of sampling. The engine checks their ranges. */
const sampling = {
  /** The name of an adapter, or several whose updates are added up. Without one, the base answers. */
  adapter,
  /** Maximum number of tokens of the answer. Default: 128. */
  maxTokens: wholeNumber.optional(),
  /** Minimum number of tokens of the answer. */
  minTokens: wholeNumber.optional(),
  /** Temperature of the softmax. 0 (the default) always takes the most likely token. */
  temperature: number.optional(),
  /** Samples from the k most likely tokens only; 0 = all. */
  topK: wholeNumber.optional(),
  /** Samples only from the most likely tokens whose probabilities together reach this number. */
  topP: number.optional(),
  /** Samples only from tokens whose probability is at least this fraction of the largest; 0 = all. */
  minP: number.optional(),
  presencePenalty: number.optional(),
  frequencyPenalty: number.optional(),
  repetitionPenalty: number.optional(),
  /** Added to the logits of tokens, by token id. */
  logitBias: z
    .record(z.string(), number, { error: 'numbers by token id' })
    .refine((biases) => Object.keys(biases).every((id) => parseTokenId(id) !== undefined), 'numbers by token id')
    .readonly()
    .optional(),
  /** Seed of the sampling. Without one, each call gives other random numbers. */
  seed: z.number({ error: 'an integer' }).optional(),
  /** Strings that end the answer. They are not part of its text. */
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).readonly()], { error: 'strings' }).optional(),
  /** Tokens that end the answer, in addition to those of the base. */
  stopTokenIds: tokenIds.optional(),
  /** The form of the answer, which it has wherever it ends before `maxTokens`. The prompt should describe it too. */
  format: answerFormat.optional(),
  /** Reports the log-probability of each token, and of this many most likely alternatives. */
  logprobs: wholeNumber.optional(),
  /** Aborts the call, which then throws the signal's reason. */
  signal: signal.optional(),
};

/** The messages are checked when they are rendered, like the messages of all other callers. */
const messages = z.custom<readonly ChatMessage[]>(Array.isArray, 'a list of messages { role, content }');

/** A conversation to answer. */
export const chatSchema = z.object({
  ...sampling,
  messages,
  /** Tools for the chat template. If the model calls one, the call is part of the text of its answer. */
  tools: z.custom<readonly object[]>(Array.isArray, 'a list of tools').optional(),
  /** Further values for the chat template, by their names in it, such as `enable_thinking`. */
  chatTemplateKwargs: z.record(z.string(), z.unknown(), { error: 'values by name' }).readonly().optional(),
});
/** A text, or token ids, to continue. */
export const generateSchema = z.object({
  ...sampling,
  prompt: z.union([z.string(), tokenIds], { error: 'a text, or token ids' }),
});
export const scoreSchema = z.object({
  adapter,
  /** A text, or token ids. A text gets the tokens for the beginning and the end of a sequence that the tokenizer defines. */
  text: z.union([z.string(), tokenIds], { error: 'a text, or token ids' }),
  signal: signal.optional(),
});

/** How an adapter is loaded. */
export const loadSchema = z.object({
  /** Accepts an adapter that was trained on another base. Default: the option with which the model was opened. */
  anyBase: z.boolean({ error: 'true or false' }).optional(),
});

export type LoadOptions = z.input<typeof loadSchema>;
export type ChatOptions = z.input<typeof chatSchema>;
export type GenerateOptions = z.input<typeof generateSchema>;
export type ScoreOptions = z.input<typeof scoreSchema>;
/** The options that all generating calls share. */
export type SamplingOptions = z.output<z.ZodObject<typeof sampling>>;
