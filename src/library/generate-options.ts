import { z } from 'zod';
import { parseTokenId } from '../engine/index.ts';
import type { ChatMessage } from '../tokenizer/index.ts';
import { signal, wholeNumber } from './read-options.ts';

const number = z.number({ error: 'a number' });
const tokenIds = z.array(wholeNumber, { error: 'token ids' }).readonly();

/** An adapter of a call, and how strongly it counts. */
const adapterUse = z
  .object({ name: z.string(), scale: number.optional() }, { error: 'names of adapters, each with its scale' })
  .readonly();

const adapter = z
  .union([z.string(), z.array(adapterUse).readonly()], {
    error: 'the name of an adapter, or a list of { name, scale }',
  })
  .optional();

/** What decides how an answer is drawn. The engine checks the ranges. */
const sampling = {
  /** Who answers: the name of an adapter, or several that add up. Without one, the base. */
  adapter,
  /** Most tokens of the answer. Default: 128. */
  maxTokens: wholeNumber.optional(),
  /** The answer does not end before it has so many tokens. */
  minTokens: wholeNumber.optional(),
  /** 0 (the default) takes the likeliest token each time. */
  temperature: number.optional(),
  /** Draws only from the k likeliest tokens; 0 = all. */
  topK: wholeNumber.optional(),
  /** Draws only from the likeliest tokens that together reach this probability. */
  topP: number.optional(),
  /** Draws only from tokens at least this share as likely as the likeliest; 0 = all. */
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
  /** What fixes the draws; by default each call draws differently. */
  seed: z.number({ error: 'an integer' }).optional(),
  /** Strings that end the answer; they are no part of its text. */
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).readonly()], { error: 'strings' }).optional(),
  /** Tokens that end the answer, beside those of the base. */
  stopTokenIds: tokenIds.optional(),
  /** Reports the log-probability of each token, and of so many of the likeliest in its place. */
  logprobs: wholeNumber.optional(),
  /** Ends the call with the signal's reason. */
  signal: signal.optional(),
};

/** Checked where they are rendered, by the reader of all messages. */
const messages = z.custom<readonly ChatMessage[]>(Array.isArray, 'a list of messages { role, content }');

/** A conversation to answer. */
export const chatSchema = z.object({
  ...sampling,
  messages,
  /** What the template tells the model that it may call. A call that the model then writes is part of the text of its answer. */
  tools: z.custom<readonly object[]>(Array.isArray, 'a list of tools').optional(),
});
/** A text, or token ids, to go on from. */
export const generateSchema = z.object({
  ...sampling,
  prompt: z.union([z.string(), tokenIds], { error: 'a text, or token ids' }),
});
export const scoreSchema = z.object({
  adapter,
  /** A text, or token ids. A text gets the beginning and the end of a sequence that the tokenizer has. */
  text: z.union([z.string(), tokenIds], { error: 'a text, or token ids' }),
  signal: signal.optional(),
});

/** How an adapter is loaded. */
export const loadSchema = z.object({
  /** Takes an adapter that was trained on another base. Default: what the model was opened with. */
  anyBase: z.boolean({ error: 'true or false' }).optional(),
});

export type LoadOptions = z.input<typeof loadSchema>;
export type ChatOptions = z.input<typeof chatSchema>;
export type GenerateOptions = z.input<typeof generateSchema>;
export type ScoreOptions = z.input<typeof scoreSchema>;
/** What is common to all calls that write an answer. */
export type SamplingOptions = z.output<z.ZodObject<typeof sampling>>;
