import { FieldProblem, fitToTemplate, readMessages, readTools, readVariables } from '../chat/index.ts';
import { EspalierError } from '../core/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';

/**
 * Converts the messages of a call to token ids, in the same way as the server and the training.
 * @throws EspalierError OPTION_INVALID, CHAT_TEMPLATE_MISSING, CHAT_TEMPLATE_FAILED
 */
export function encodeMessages(
  given: { readonly messages: unknown; readonly tools?: unknown; readonly chatTemplateKwargs?: unknown },
  tokenizer: Tokenizer,
): number[] {
  const read = orThrow('messages', readMessages(given.messages));
  const conversation = { messages: read.messages, tools: orThrow('tools', readTools(given.tools)) };
  const variables = readVariables(given.chatTemplateKwargs, undefined);
  if (variables instanceof FieldProblem) throw invalid(variables);
  const fitted = fitToTemplate(conversation, tokenizer);
  if (fitted instanceof FieldProblem) throw invalid(fitted);
  return tokenizer.encodeChat(fitted.messages, { addGenerationPrompt: true, tools: fitted.tools, variables });
}

function orThrow<Value>(name: string, read: Value | FieldProblem): Value {
  if (read instanceof FieldProblem) throw invalid(read.within(name));
  return read;
}

function invalid({ place, problem }: FieldProblem): EspalierError {
  return new EspalierError('OPTION_INVALID', {
    name: place,
    expected: 'a value that can be rendered',
    actual: problem,
  });
}
