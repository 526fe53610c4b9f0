import { z } from 'zod';
import { EspalierError } from '../core/index.ts';

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

/** What completions and chat completions share. Unknown fields are ignored, as OpenAI's clients expect. */
const samplingFields = {
  model: z.string().min(1),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.number().int().min(-1).nullish(),
  n: z.number().int().min(1).max(16).nullish(),
  seed: z.number().int().nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(4)]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  ignore_eos: z.boolean().nullish(),
  return_token_ids: z.boolean().nullish(),
};

export const completionSchema = z.looseObject({
  ...samplingFields,
  prompt: z.union([
    z.string(),
    z.array(tokenId).min(1),
    z.array(z.string()).min(1),
    z.array(z.array(tokenId).min(1)).min(1),
  ]),
  max_tokens: z.number().int().min(1).nullish(),
});

const textPart = z.object({ type: z.literal('text'), text: z.string() });

export const chatCompletionSchema = z.looseObject({
  ...samplingFields,
  messages: z
    .array(
      z.looseObject({
        role: z.enum(['system', 'developer', 'user', 'assistant']),
        content: z.union([z.string(), z.array(textPart).min(1)]),
      }),
    )
    .min(1),
  max_tokens: z.number().int().min(1).nullish(),
  max_completion_tokens: z.number().int().min(1).nullish(),
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

/** Fields that would change the answer and that Espalier does not honour, with the values that change nothing. */
const refused: Readonly<Record<string, readonly unknown[]>> = {
  best_of: [1],
  echo: [false],
  frequency_penalty: [0],
  presence_penalty: [0],
  logprobs: [false],
  top_logprobs: [0],
  suffix: [''],
  functions: [],
  tools: [],
  tool_choice: ['none', 'auto'],
  response_format: [],
  logit_bias: [],
};

/**
 * Refuses what cannot be honoured: an answer that silently lacks what was asked for is worse than none.
 * @throws EspalierError REQUEST_UNSUPPORTED
 */
export function refuseUnsupported(body: Readonly<Record<string, unknown>>): void {
  for (const [param, neutral] of Object.entries(refused)) {
    const value = body[param];
    if (value === undefined || value === null || neutral.includes(value) || isNeutral(param, value)) continue;
    throw new EspalierError('REQUEST_UNSUPPORTED', {
      param,
      problem: `the value ${JSON.stringify(value)} would change the answer`,
    });
  }
}

function isNeutral(param: string, value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== 'object' || value === null) return false;
  if (param === 'response_format') return 'type' in value && value.type === 'text';
  return Object.keys(value).length === 0;
}
