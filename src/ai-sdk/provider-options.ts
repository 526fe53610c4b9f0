import { z } from 'zod';
import { answerFormat, readOptions } from '../library/index.ts';

const number = z.number({ error: 'a number' });
const flag = z.boolean({ error: 'true or false' });

const schema = z.object({
  /** Adapters whose updates are added up, each times its scale, beside a model that is the base or one of them. */
  lora: z
    .array(z.strictObject({ name: z.string().min(1), scale: number.optional() }), {
      error: 'a list of { name, scale }',
    })
    .readonly()
    .optional(),
  /** A form that `responseFormat` has no words for: { regex } or { choices }. */
  format: answerFormat.optional(),
  /** false: what forms cannot keep of a schema is left out. Default: it is refused. */
  strictSchema: flag.optional(),
  /** Whether one answer may call several tools. Default: true. */
  parallelToolCalls: flag.optional(),
  minTokens: number.optional(),
  minP: number.optional(),
  typicalP: number.optional(),
  repetitionPenalty: number.optional(),
  /** Added to the logits of tokens, by token id. */
  logitBias: z.record(z.string(), number, { error: 'numbers by token id' }).optional(),
  stopTokenIds: z.array(number, { error: 'token ids' }).readonly().optional(),
  /** Further values for the chat template, by their names in it. */
  chatTemplateKwargs: z.record(z.string(), z.unknown(), { error: 'values by name' }).optional(),
});

/** What `providerOptions.espalier` takes. */
export type EspalierProviderOptions = z.input<typeof schema>;

/** @throws EspalierError OPTION_UNKNOWN with the nearest name, OPTION_INVALID */
export function readProviderOptions(given: unknown = {}): z.output<typeof schema> {
  return readOptions(schema, given, 'providerOptions.espalier');
}
