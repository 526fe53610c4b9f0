import { z } from 'zod';
import { FieldProblem } from '../../chat/index.ts';
import { metadata, nameInRequest, samplingFields } from '../openai/request-body.ts';
import { readInput } from './read-input.ts';
import { readTools } from './read-tools.ts';

/** What may be asked for besides the answer. */
export const includable = ['message.output_text.logprobs', 'reasoning.encrypted_content'] as const;

const {
  n: _n,
  stream_options: _options,
  return_token_ids: _ids,
  response_format: _format,
  ...sampling
} = samplingFields;

const jsonSchema = z.object({
  type: z.literal('json_schema'),
  name: z.string().min(1).max(64),
  description: z.string().nullish(),
  schema: z.record(z.string(), z.unknown()),
  strict: z.boolean().nullish(),
});

const textFormat = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  jsonSchema,
]);

/** The summaries that are taken: none is written, and `auto` leaves that to the model. */
const summary = z.literal('auto', {
  error: () => 'thoughts are given whole, as text of the reasoning item; leave it out, or send "auto"',
});

/** The fields of `POST /v1/responses`. Others are refused or ignored by name. */
export const responseSchema = z.looseObject({
  ...sampling,
  model: nameInRequest,
  input: reader(readInput),
  instructions: z.string().nullish(),
  previous_response_id: z.string().min(1).max(128).nullish(),
  store: z.boolean().nullish(),
  tools: reader(readTools).nullish(),
  tool_choice: z.unknown().optional(),
  parallel_tool_calls: z.boolean().nullish(),
  max_tool_calls: z.number().int().min(1).nullish(),
  max_output_tokens: z.number().int().min(1).nullish(),
  text: z
    .looseObject({ format: textFormat.nullish(), verbosity: z.enum(['low', 'medium', 'high']).nullish() })
    .nullish(),
  reasoning: z
    .looseObject({
      effort: z.string().max(32).nullish(),
      summary: summary.nullish(),
      generate_summary: summary.nullish(),
    })
    .nullish(),
  truncation: z.enum(['auto', 'disabled']).nullish(),
  include: z.array(z.enum(includable)).max(16).nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  metadata: metadata.nullish(),
  stream_options: z.looseObject({}).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  service_tier: z.string().nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
  enable_thinking: z.boolean().nullish(),
});

export type ResponseBody = z.output<typeof responseSchema>;

/** A field that is read by hand. */
function reader<Value>(read: (value: unknown) => Value | FieldProblem): z.ZodType<Value> {
  return z.unknown().transform((value, context): Value => {
    const found = read(value);
    if (!(found instanceof FieldProblem)) return found;
    context.addIssue({ code: 'custom', message: found.problem, path: [...found.path] });
    return z.NEVER;
  });
}
