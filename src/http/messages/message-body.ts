import { z } from 'zod';
import { reader, stopStrings } from '../answering/request-readers.ts';
import { adapterFields } from '../answering/asked-adapters.ts';
import { nameInRequest } from '../openai/request-body.ts';
import { readMessageTools } from './read-message-tools.ts';
import { describeValue, FieldProblem, type Tool } from '../../chat/index.ts';

/** The least that Anthropic's API takes. */
const leastBudget = 1024;

const longestUser = 512;

const tools: z.ZodType<readonly Tool[] | undefined> = reader((value) => {
  const read = readMessageTools(value);
  return read instanceof FieldProblem ? read : { value: read };
});

const toolChoice = z
  .looseObject({
    type: z.enum(['auto', 'any', 'tool', 'none']),
    name: z.string().nullish(),
    disable_parallel_tool_use: z.boolean().nullish(),
  })
  .refine(({ type, name }) => type !== 'tool' || (name ?? '') !== '', {
    path: ['name'],
    error: 'the name of the tool is expected',
  });

const thinking = z
  .looseObject({
    type: z.enum(['enabled', 'disabled', 'adaptive', 'between_tools']),
    budget_tokens: z.number().int().min(leastBudget).nullish(),
    display: z.enum(['summarized', 'omitted']).nullish(),
  })
  .refine(({ type, budget_tokens: budget }) => type !== 'enabled' || typeof budget === 'number', {
    path: ['budget_tokens'],
    error: `a whole number of at least ${leastBudget} is expected where thinking is enabled`,
  });

/** The form of an answer. */
const outputFormat = z.looseObject({
  type: z.literal('json_schema'),
  schema: z.record(z.string(), z.unknown(), {
    error: ({ input }) => `a JSON schema is expected, got ${describeValue(input)}`,
  }),
});

const outputConfig = z.looseObject({
  effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish(),
  format: outputFormat.nullish(),
});

/** The fields of which a prompt is made. `readConversation` reads `system` and `messages`, which belong together. */
const promptFields = {
  model: nameInRequest,
  ...adapterFields,
  messages: z.unknown().optional(),
  system: z.unknown().optional(),
  tools: tools.nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: thinking.nullish(),
  output_config: outputConfig.nullish(),
  /** The name of `output_config.format` in an earlier version of the API. */
  output_format: outputFormat.nullish(),
};

export const countTokensSchema = z.looseObject(promptFields);

export const messageSchema = z
  .looseObject({
    ...promptFields,
    /** WHY also 0: it runs the prompt alone. */
    max_tokens: z.number().int().min(0),
    stop_sequences: stopStrings.nullish(),
    temperature: z.number().min(0).max(1).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z.number().int().min(0).nullish(),
    stream: z.boolean().nullish(),
    metadata: z.looseObject({ user_id: z.string().max(longestUser).nullish() }).nullish(),
  })
  .refine(({ thinking: asked, max_tokens: most }) => (asked?.budget_tokens ?? -1) < most, {
    path: ['thinking', 'budget_tokens'],
    error: 'it must be less than max_tokens, because thoughts are part of the answer',
  });

export type CountTokensBody = z.output<typeof countTokensSchema>;
export type MessageBody = z.output<typeof messageSchema>;
