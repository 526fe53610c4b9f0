import { z } from 'zod';
import { eventsAnswer } from './operations.ts';
import {
  answeredBy,
  chatChoiceEnd,
  completionChoice,
  count,
  head,
  messageAnswer,
  messageBlock,
  messageEnding,
  messageUsage,
  outputItem,
  outputText,
  reasoningText,
  responseAnswer,
  tokenLogprob,
  usage,
} from './text.ts';

// The data of each event of a stream. Their names are the `type` of the data, where it has one.

const error = z.object({
  error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }),
});

/** Ends the streams of OpenAI's older APIs, also behind an error. */
const done = z.literal('[DONE]');

/** What all chunks of a stream have. With `stream_options.include_usage`, the last one has the usage and no choices. */
const chunkEnd = { usage: usage.nullable().optional(), espalier: answeredBy };

const functionDelta = z.object({ name: z.string().optional(), arguments: z.string() });

const chatDelta = z.object({
  role: z.literal('assistant').optional(),
  content: z.string().optional(),
  reasoning_content: z.string().optional(),
  reasoning: z.string().optional(),
  tool_calls: z
    .array(
      z.object({
        index: count,
        id: z.string().optional(),
        type: z.literal('function').optional(),
        function: functionDelta,
      }),
    )
    .optional(),
  function_call: functionDelta.optional(),
});

export const chatCompletionEvent = z.union([
  z.object({
    ...head('chat.completion.chunk'),
    choices: z.array(z.object({ index: count, delta: chatDelta, ...chatChoiceEnd })),
    ...chunkEnd,
  }),
  error,
  done,
]);

export const completionEvent = z.union([
  z.object({ ...head('text_completion'), choices: z.array(completionChoice), ...chunkEnd }),
  error,
  done,
]);

type Fields = Readonly<Record<string, z.ZodType>>;

/** Events are numbered from 0. */
const responseStep = <Type extends string, Own extends Fields>(type: Type, fields: Own) =>
  z.object({ type: z.literal(`response.${type}`), sequence_number: count, ...fields });

const output = { output_index: count };
const item = { ...output, item: outputItem };
const ofItem = { item_id: z.string(), ...output };
const part = { ...ofItem, content_index: count };
const whole = { response: responseAnswer };
const contentPart = { ...part, part: z.discriminatedUnion('type', [outputText, reasoningText]) };
const logprobs = z.array(tokenLogprob);

export const responseEvent = z.discriminatedUnion('type', [
  responseStep('created', whole),
  responseStep('in_progress', whole),
  responseStep('output_item.added', item),
  responseStep('content_part.added', contentPart),
  responseStep('output_text.delta', { ...part, delta: z.string(), logprobs }),
  responseStep('output_text.done', { ...part, text: z.string(), logprobs }),
  responseStep('reasoning_text.delta', { ...part, delta: z.string() }),
  responseStep('reasoning_text.done', { ...part, text: z.string() }),
  responseStep('content_part.done', contentPart),
  responseStep('function_call_arguments.delta', { ...ofItem, delta: z.string() }),
  responseStep('function_call_arguments.done', { ...ofItem, name: z.string(), arguments: z.string() }),
  responseStep('output_item.done', item),
  responseStep('completed', whole),
  responseStep('incomplete', whole),
  responseStep('failed', whole),
]);

const blockDelta = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text_delta'), text: z.string() }),
  z.object({ type: z.literal('thinking_delta'), thinking: z.string() }),
  z.object({ type: z.literal('input_json_delta'), partial_json: z.string() }),
]);

export const messageEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('message_start'), message: messageAnswer }),
  z.object({ type: z.literal('content_block_start'), index: count, content_block: messageBlock }),
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('content_block_delta'), index: count, delta: blockDelta }),
  z.object({ type: z.literal('content_block_stop'), index: count }),
  z.object({ type: z.literal('message_delta'), delta: z.object(messageEnding), usage: messageUsage }),
  z.object({ type: z.literal('message_stop') }),
  z.object({
    type: z.literal('error'),
    error: z.object({ type: z.string(), message: z.string() }),
    request_id: z.string(),
  }),
]);

/** `adapter` events have data; `gap` (some before were lost) and `ready` (all so far were sent) have none. */
export const adapterEvent = z.union([eventsAnswer.shape.data.element, z.object({})]);
