import { z } from 'zod';
import { describeValue } from '../../chat/index.ts';
import { adapterFields } from '../answering/asked-adapters.ts';
import { adapterNameForm, isAdapterName } from '../../routing/index.ts';
import { repetitionPenalties } from '../../service/index.ts';
import {
  chatFunctions,
  chatTools,
  chatMessages,
  logitBiases,
  maxChoices,
  stopStrings,
  textsOrTokens,
  tokenIdList,
} from '../answering/request-readers.ts';
import { functionChoices, toolChoices } from '../answering/tool-choices.ts';
import { answerFormFields } from './answer-form.ts';

/** Longer than any name that can be served. */
export const nameInRequest = z.string().min(1).max(512);

/** Pairs that a client keeps with an object, in OpenAI's bounds. */
export const metadata = z
  .record(z.string().max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, { error: 'at most 16 pairs are taken' });

/** WHY a limit: each choice keeps a set of them. */
const maxStopTokens = 256;

/** Each costs a pass over the vocabulary for every token. */
const maxProcessors = 16;

const maxMessages = 1024;
const maxParts = 256;
const maxDocuments = 256;

/** The fields that completions and chat completions share. `refuse-unsupported.ts` handles other fields. */
export const samplingFields = {
  model: nameInRequest,
  ...adapterFields,
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.number().int().min(-1).nullish(),
  typical_p: z.number().gt(0).max(1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  repetition_penalty: z.number().min(repetitionPenalties.least).max(repetitionPenalties.most).nullish(),
  logit_bias: logitBiases.nullish(),
  n: z.number().int().min(1).max(128).nullish(),
  seed: z
    .number()
    .refine(Number.isInteger, { error: ({ input }) => `a whole number is expected, got ${describeValue(input)}` })
    .nullish(),
  stop: stopStrings.nullish(),
  stop_token_ids: tokenIdList(maxStopTokens).nullish(),
  logits_processors: z
    .array(z.string({ error: 'the name of a processor of the server is expected' }).min(1).max(128))
    .max(maxProcessors)
    .nullish(),
  min_tokens: z.number().int().min(0).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  ignore_eos: z.boolean().nullish(),
  return_token_ids: z.boolean().nullish(),
  return_tokens_as_token_ids: z.boolean().nullish(),
  ...answerFormFields,
};

export const completionSchema = z
  .looseObject({
    ...samplingFields,
    prompt: textsOrTokens(maxChoices),
    max_tokens: z.number().int().min(0).nullish(),
    echo: z.boolean().nullish(),
    logprobs: z.number().int().min(0).max(5).nullish(),
    best_of: z.number().int().min(1).max(128).nullish(),
  })
  .refine(({ best_of: drawn, n }) => drawn === undefined || drawn === null || drawn === (n ?? 1), {
    path: ['best_of'],
    error: 'it must equal n: every choice that is drawn is given; ask for more with n, with logprobs to rank them by',
  });

/** The fields of which the prompt of a chat is made. */
export const chatFields = {
  messages: chatMessages({ maxMessages, maxParts }),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
  enable_thinking: z.boolean().nullish(),
  documents: z.array(z.record(z.string(), z.unknown())).max(maxDocuments).nullish(),
};

export const chatCompletionSchema = z
  .looseObject({
    ...samplingFields,
    ...chatFields,
    max_tokens: z.number().int().min(1).nullish(),
    max_completion_tokens: z.number().int().min(1).nullish(),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.number().int().min(0).max(20).nullish(),
    tools: chatTools.nullish(),
    tool_choice: toolChoices.nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    functions: chatFunctions.nullish(),
    function_call: functionChoices.nullish(),
    reasoning_effort: z.string().min(1).max(64).nullish(),
    include_reasoning: z.boolean().nullish(),
    separate_reasoning: z.boolean().nullish(),
    reasoning: z
      .looseObject({
        effort: z.string().min(1).max(64).nullish(),
        exclude: z.boolean().nullish(),
        enabled: z.boolean().nullish(),
      })
      .nullish(),
  })
  .refine(({ logprobs, top_logprobs: top }) => logprobs === true || (top ?? 0) === 0, {
    path: ['top_logprobs'],
    error: 'it needs "logprobs": true',
  });

export const loadAdapterSchema = z.strictObject({
  lora_name: z.string().refine(isAdapterName, `${adapterNameForm} is expected`),
  lora_path: z.string().min(1).max(4096),
  load_inplace: z.boolean().default(false),
  /** Takes an adapter that was trained on another base. */
  any_base: z.boolean().default(false),
});

export const unloadAdapterSchema = z.strictObject({
  lora_name: nameInRequest,
  lora_int_id: z.number().int().nullish(),
});

export type CompletionBody = z.output<typeof completionSchema>;
export type ChatCompletionBody = z.output<typeof chatCompletionSchema>;
export type SamplingBody = z.output<z.ZodObject<typeof samplingFields>>;
