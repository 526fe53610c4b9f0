import { z } from 'zod';

/** What a server says of the adapters that answered, beside the fields of each API. Absent where the base answered alone. */
export const answeredBy = z
  .object({
    adapter: z.string().optional(),
    version: z.string().nullable().optional(),
    adapters: z.array(z.object({ adapter: z.string(), version: z.string(), scale: z.number() })).optional(),
    rollout: z.object({ id: z.string(), side: z.enum(['stable', 'candidate']) }).optional(),
    fallback: z.object({ from: z.string(), to: z.string().nullable(), reason: z.string() }).optional(),
  })
  .optional();

export const count = z.int().nonnegative();
export const tokenIds = z.array(z.int()).optional();

export const usage = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.object({ cached_tokens: count }),
  completion_tokens_details: z.object({ reasoning_tokens: count }).optional(),
});

const chosenToken = { token: z.string(), bytes: z.array(z.int()).nullable(), logprob: z.number() };
export const tokenLogprob = z.object({ ...chosenToken, top_logprobs: z.array(z.object(chosenToken)) });

export const head = <Name extends string>(object: Name) => ({
  id: z.string(),
  object: z.literal(object),
  created: z.int(),
  model: z.string(),
  system_fingerprint: z.string(),
});

const calledFunction = z.object({ name: z.string(), arguments: z.string() });

/** Thoughts have the two names by which clients know them. */
const chatMessage = z.object({
  role: z.literal('assistant'),
  content: z.string().nullable(),
  refusal: z.null(),
  reasoning_content: z.string().optional(),
  reasoning: z.string().optional(),
  tool_calls: z.array(z.object({ id: z.string(), type: z.literal('function'), function: calledFunction })).optional(),
  function_call: calledFunction.optional(),
});

/** The fields of a choice of a chat beside its message, in a whole answer and in a chunk. */
export const chatChoiceEnd = {
  logprobs: z.object({ content: z.array(tokenLogprob), refusal: z.null() }).nullable(),
  finish_reason: z.enum(['stop', 'length', 'tool_calls', 'function_call']).nullable(),
  token_ids: tokenIds,
};

export const chatCompletionAnswer = z.object({
  ...head('chat.completion'),
  choices: z.array(
    z.object({
      index: count,
      message: chatMessage,
      ...chatChoiceEnd,
    }),
  ),
  usage,
  espalier: answeredBy,
});

/** A choice of a whole answer, or what a chunk adds to it. */
export const completionChoice = z.object({
  index: count,
  text: z.string(),
  logprobs: z
    .object({
      tokens: z.array(z.string()),
      token_logprobs: z.array(z.number().nullable()),
      top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullable(),
      text_offset: z.array(count),
    })
    .nullable(),
  finish_reason: z.enum(['stop', 'length']).nullable(),
  token_ids: tokenIds,
});

export const completionAnswer = z.object({
  ...head('text_completion'),
  choices: z.array(completionChoice),
  usage,
  espalier: answeredBy,
});

const status = z.enum(['in_progress', 'completed', 'incomplete']);

export const outputText = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.unknown()).max(0),
  logprobs: z.array(tokenLogprob).optional(),
});

export const reasoningText = z.object({ type: z.literal('reasoning_text'), text: z.string() });

export const outputItem = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message'),
    id: z.string(),
    role: z.literal('assistant'),
    status,
    content: z.array(outputText),
  }),
  z.object({
    type: z.literal('reasoning'),
    id: z.string(),
    summary: z.array(z.unknown()).max(0),
    content: z.array(reasoningText),
    encrypted_content: z.string().optional(),
    status,
  }),
  z.object({
    type: z.literal('function_call'),
    id: z.string(),
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
    status,
  }),
]);

/** The fields of the request, with the values that they have by default, are given back as they came. */
export const responseAnswer = z.object({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
  background: z.literal(false),
  error: z.record(z.string(), z.unknown()).nullable(),
  incomplete_details: z.object({ reason: z.literal('max_output_tokens') }).nullable(),
  model: z.string(),
  output: z.array(outputItem),
  usage: z
    .object({
      input_tokens: count,
      input_tokens_details: z.object({ cached_tokens: count, cache_write_tokens: count }),
      output_tokens: count,
      output_tokens_details: z.object({ reasoning_tokens: count }),
      total_tokens: count,
    })
    .nullable(),
  instructions: z.string().nullable(),
  max_output_tokens: z.int().nullable(),
  max_tool_calls: z.int().nullable(),
  metadata: z.record(z.string(), z.string()),
  parallel_tool_calls: z.boolean(),
  previous_response_id: z.string().nullable(),
  prompt_cache_key: z.string().nullable(),
  reasoning: z.object({ effort: z.string().nullable(), summary: z.null() }),
  safety_identifier: z.string().nullable(),
  service_tier: z.literal('default'),
  temperature: z.number(),
  text: z.object({ format: z.record(z.string(), z.unknown()), verbosity: z.string() }),
  tool_choice: z.union([z.string(), z.record(z.string(), z.unknown())]),
  tools: z.array(z.record(z.string(), z.unknown())),
  top_logprobs: count,
  top_p: z.number(),
  truncation: z.enum(['disabled', 'auto']),
  user: z.string().nullable(),
  access_programs: z.null(),
  store: z.boolean(),
  espalier: answeredBy,
});

/** Items as they came in a request, and as later requests may send them. */
const inputItem = z.looseObject({ type: z.string(), id: z.string() });

export const inputItemsAnswer = z.object({
  object: z.literal('list'),
  data: z.array(inputItem),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

export const deletedAnswer = <Name extends string>(object: Name) =>
  z.object({ id: z.string(), object: z.literal(object), deleted: z.literal(true) });

export const messageBlock = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
  z.object({
    type: z.literal('tool_use'),
    id: z.string(),
    name: z.string(),
    input: z.record(z.string(), z.unknown()),
  }),
]);

export const messageEnding = {
  stop_reason: z.enum(['end_turn', 'max_tokens', 'stop_sequence', 'tool_use']).nullable(),
  stop_sequence: z.string().nullable(),
};

export const messageUsage = z.object({
  input_tokens: count,
  output_tokens: count,
  output_tokens_details: z.object({ thinking_tokens: count }),
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
});

export const messageAnswer = z.object({
  id: z.string(),
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: z.string(),
  content: z.array(messageBlock),
  ...messageEnding,
  usage: messageUsage,
  espalier: answeredBy,
});

export const countTokensAnswer = z.object({ input_tokens: count });

export const tokenizeAnswer = z.object({
  count,
  max_model_len: count,
  tokens: z.array(z.int()),
  token_strs: z.array(z.string()).nullable(),
});

export const detokenizeAnswer = z.object({ prompt: z.string() });

const promptUsage = z.object({ prompt_tokens: count, total_tokens: count });

export const embeddingsAnswer = z.object({
  object: z.literal('list'),
  model: z.string(),
  data: z.array(
    z.object({
      object: z.literal('embedding'),
      index: count,
      // As base64 of little-endian f32 where the request asks for that.
      embedding: z.union([z.array(z.number()), z.string()]),
    }),
  ),
  usage: promptUsage,
  espalier: answeredBy,
});

export const rerankAnswer = z.object({
  id: z.string(),
  object: z.literal('list'),
  model: z.string(),
  results: z.array(
    z.object({
      index: count,
      relevance_score: z.number(),
      document: z.object({ text: z.string() }).optional(),
    }),
  ),
  usage: promptUsage,
  espalier: answeredBy,
});

export const modelAnswer = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  root: z.string(),
  parent: z.string().nullable(),
  version: z.string().optional(),
  max_model_len: count,
});

export const modelsAnswer = z.object({ object: z.literal('list'), data: z.array(modelAnswer) });
