import { FieldProblem, fitToTemplate, readMessages, readTools } from '../chat/index.ts';
import { EspalierError } from '../core/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';

/**
 * Converts the messages of a call to token ids, in the same way as the server and the training.
 * @throws EspalierError OPTION_INVALID, CHAT_TEMPLATE_MISSING, CHAT_TEMPLATE_FAILED
 */
export function encodeMessages(
  { messages, tools }: { readonly messages: unknown; readonly tools?: unknown },
  tokenizer: Tokenizer,
): number[] {
  const read = orThrow('messages', readMessages(messages));
  const conversation = { messages: read.messages, tools: orThrow('tools', readTools(tools)) };
  const fitted = fitToTemplate(conversation, tokenizer);
  if (fitted instanceof FieldProblem) throw invalid(fitted);
  return tokenizer.encodeChat(fitted.messages, { addGenerationPrompt: true, tools: fitted.tools });
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
