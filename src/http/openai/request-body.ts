import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';

/**
 * Parses a request's body.
 * @throws EspalierError REQUEST_INVALID with the path of the first field that is wrong
 */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new EspalierError('REQUEST_INVALID', {
    param: issue === undefined || issue.path.length === 0 ? 'body' : issue.path.join('.'),
    problem: issue?.message ?? 'it cannot be read',
  });
}

const tokenId = z.number().int().nonnegative();

/** What completions and chat completions share. What becomes of other fields is in `refused-fields.ts`. */
const samplingFields = {
  model: z.string().min(1),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.number().int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  repetition_penalty: z.number().gt(0).nullish(),
  logit_bias: z.record(z.string().regex(/^\d+$/, 'its keys are token ids'), z.number().min(-100).max(100)).nullish(),
  n: z.number().int().min(1).max(128).nullish(),
  seed: z.number().refine(Number.isInteger, 'an integer is expected').nullish(),
  stop: z
    .union([z.string().min(1), z.array(z.string().min(1)).max(16)], 'a text or up to 16 texts are expected, none empty')
    .nullish(),
  stop_token_ids: z.array(tokenId).nullish(),
  min_tokens: z.number().int().min(0).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  ignore_eos: z.boolean().nullish(),
  return_token_ids: z.boolean().nullish(),
  return_tokens_as_token_ids: z.boolean().nullish(),
};

export const completionSchema = z
  .looseObject({
    ...samplingFields,
    prompt: z.union(
      [z.string(), z.array(tokenId).min(1), z.array(z.string()).min(1), z.array(z.array(tokenId).min(1)).min(1)],
      'a text, token ids, or a list of either is expected, none empty',
    ),
    max_tokens: z.number().int().min(0).nullish(),
    echo: z.boolean().nullish(),
    logprobs: z.number().int().min(0).max(5).nullish(),
    best_of: z.number().int().min(1).max(128).nullish(),
  })
  .refine(({ best_of: drawn, n }) => drawn === undefined || drawn === null || drawn === (n ?? 1), {
    path: ['best_of'],
    error: 'it must equal n: every choice that is drawn is given; ask for more with n, with logprobs to rank them by',
  });

const textPart = z.object({ type: z.literal('text'), text: z.string() });

export const chatCompletionSchema = z
  .looseObject({
    ...samplingFields,
    messages: z
      .array(
        z.looseObject({
          role: z.enum(
            ['system', 'developer', 'user', 'assistant'],
            'system, developer, user or assistant is expected; tools cannot be called here',
          ),
          content: z.union(
            [z.string(), z.array(textPart).min(1)],
            'a text or a list of {"type": "text", "text": ...} is expected; images, audio and files are not read',
          ),
          tool_calls: z.array(z.unknown()).max(0, 'tools cannot be called here').nullish(),
        }),
      )
      .min(1),
    max_tokens: z.number().int().min(1).nullish(),
    max_completion_tokens: z.number().int().min(1).nullish(),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.number().int().min(0).max(20).nullish(),
  })
  .refine(({ logprobs, top_logprobs: top }) => logprobs === true || (top ?? 0) === 0, {
    path: ['top_logprobs'],
    error: 'it needs "logprobs": true',
  });

export const loadAdapterSchema = z.strictObject({
  lora_name: z.string().regex(/^[\w.-]{1,128}$/, 'a name of letters, digits, "_", "-" and "." is expected'),
  lora_path: z.string().min(1),
  load_inplace: z.boolean().default(false),
});

export const unloadAdapterSchema = z.strictObject({
  lora_name: z.string().min(1),
  lora_int_id: z.number().int().nullish(),
});

export type CompletionBody = z.output<typeof completionSchema>;
export type ChatCompletionBody = z.output<typeof chatCompletionSchema>;
export type SamplingBody = CompletionBody | ChatCompletionBody;
