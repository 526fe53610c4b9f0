import type { BaseLanguageModelInput, StructuredOutputMethodOptions } from '@langchain/core/language_models/base';
import type { BindToolsInput } from '@langchain/core/language_models/chat_models';
import {
  assembleStructuredOutputPipeline,
  createContentParser,
  createFunctionCallingParser,
} from '@langchain/core/language_models/structured_output';
import type { AIMessageChunk } from '@langchain/core/messages';
import type { Runnable } from '@langchain/core/runnables';
import { toJsonSchema } from '@langchain/core/utils/json_schema';
import { EspalierError } from '../core/index.ts';
import type { ChatOptions } from '../library/index.ts';

type Answering = Runnable<BaseLanguageModelInput, AIMessageChunk>;

/** A chat model, as far as answers get a form by it. */
export interface FormingModel {
  withConfig(config: Pick<ChatOptions, 'format'>): Answering;
  bindTools(tools: BindToolsInput[], options: { readonly tool_choice: string }): Answering;
}

/** A schema of Zod or of another library, or a JSON schema. */
export type GivenSchema = Parameters<typeof createContentParser>[0];

const methods = ['jsonSchema', 'functionCalling', 'jsonMode'] as const;

/**
 * A model whose answers have the form of a schema, and are parsed.
 * @throws EspalierError OPTION_INVALID for a method that is none
 */
export function structuredOutput(
  model: FormingModel,
  schema: GivenSchema,
  { method = 'jsonSchema', name = 'extract', strict, includeRaw = false }: StructuredOutputMethodOptions<boolean>,
): unknown {
  const assemble = (answering: Answering, parser: Parameters<typeof assembleStructuredOutputPipeline>[1]): unknown =>
    assembleStructuredOutputPipeline(answering, parser, includeRaw, 'StructuredOutput');
  const asJson = toJsonSchema(schema) as Readonly<Record<string, unknown>>;
  switch (method) {
    case 'jsonSchema': {
      const format = { schema: asJson, ...(strict !== undefined && { strict }) };
      return assemble(model.withConfig({ format }), createContentParser(schema));
    }
    case 'jsonMode':
      return assemble(model.withConfig({ format: 'json' }), createContentParser(schema));
    case 'functionCalling': {
      const description = asJson['description'] ?? 'Gives the answer in this form.';
      const called = { name, description, parameters: asJson, ...(strict !== undefined && { strict }) };
      const tools = [{ type: 'function', function: called }];
      return assemble(model.bindTools(tools, { tool_choice: name }), createFunctionCallingParser(schema, name));
    }
    default:
      throw new EspalierError('OPTION_INVALID', { name: 'method', expected: methods.join(', '), actual: method });
  }
}
