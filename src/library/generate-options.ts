import { z } from 'zod';
import { parseTokenId } from '../engine/index.ts';
import type { ChatMessage } from '../tokenizer/index.ts';
import { answerFormat } from './answer-format.ts';
import { logitsFunction, signal, wholeNumber } from './read-options.ts';

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
  /**
   * The name of an adapter, also as `name@digest` for one of its versions, or several whose updates are added up. Without one, the base
   * answers.
   */
  adapter,
  /** Maximum number of tokens of the answer; Infinity: as many as fit beside the prompt. Default: 128. */
  maxTokens: z
    .union([wholeNumber, z.literal(Number.POSITIVE_INFINITY)], { error: 'an integer from 0, or Infinity' })
    .optional(),
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
  /** Samples only from tokens whose surprise is nearest to the expected one and that together reach this probability; 1 = all. */
  typicalP: number.optional(),
  presencePenalty: number.optional(),
  frequencyPenalty: number.optional(),
  repetitionPenalty: number.optional(),
  /** Added to the logits of tokens, by token id. */
  logitBias: z
    .record(z.string(), number, { error: 'numbers by token id' })
    .refine((biases) => Object.keys(biases).every((id) => parseTokenId(id) !== undefined), 'numbers by token id')
    .readonly()
    .optional(),
  /** Functions that change the logits before each token is drawn, in this order, after the penalties. */
  logitsProcessors: z.array(logitsFunction, { error: 'functions' }).readonly().optional(),
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
  /** Tools that the model may call, in OpenAI's form. Calls are read in the form of the chat template, and are no part of the text. */
  tools: z.custom<readonly object[]>(Array.isArray, 'a list of tools').optional(),
  /** Whether the model calls a tool: as it likes (`auto`, the default), never, at least one, or the one of this name. */
  toolChoice: z
    .union([z.enum(['auto', 'none', 'required']), z.strictObject({ name: z.string().min(1) }).readonly()], {
      error: "'auto', 'none', 'required' or { name }",
    })
    .optional(),
  /** Whether one answer may call several tools. Default: true. */
  parallelToolCalls: z.boolean({ error: 'true or false' }).optional(),
  /** How much the model thinks before it answers, in the words of its chat template; 'none': not at all. */
  reasoningEffort: z.string({ error: 'a word' }).min(1, { error: 'a word' }).optional(),
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
