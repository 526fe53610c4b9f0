import { EspalierError } from '../../core/index.ts';
import { FieldProblem, fitToTemplate, readVariables, type Tool } from '../../chat/index.ts';
import type { ServingContext } from '../../service/index.ts';
import type { ChatMessage } from '../../tokenizer/index.ts';
import { checkTextLength } from './prompt-text.ts';

/** The fields of a request of which its prompt is made. */
export interface ChatPrompt {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly Tool[] | null | undefined;
  readonly documents?: readonly Readonly<Record<string, unknown>>[] | null | undefined;
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>> | null | undefined;
  readonly enable_thinking?: boolean | null | undefined;
}

/**
 * The token ids of a chat, by the template of the context's tokenizer. What can be refused by its size is refused before it is rendered.
 *
 * @param addGenerationPrompt  whether the beginning of the assistant's answer follows
 * @throws EspalierError REQUEST_UNSUPPORTED, REQUEST_INVALID, TEXT_TOO_LONG, and the errors of the template
 */
export async function chatPromptOf(
  body: ChatPrompt,
  context: Pick<ServingContext, 'tokenizer' | 'maxLength'>,
  addGenerationPrompt = true,
): Promise<number[]> {
  if (context.tokenizer?.hasChatTemplate !== true) {
    throw new EspalierError('REQUEST_UNSUPPORTED', {
      param: 'messages',
      problem: 'the base has no chat template, use /v1/completions',
    });
  }
  const { messages } = body;
  if (messages.length > context.maxLength) {
    const problem = `${messages.length} messages came, and the context has ${context.maxLength} tokens`;
    throw new EspalierError('REQUEST_INVALID', { param: 'messages', problem });
  }
  checkTextLength(textOf(messages), 'messages', context.maxLength);
  const variables = readVariables(body.chat_template_kwargs, body.enable_thinking);
  if (variables instanceof FieldProblem) {
    throw new EspalierError('REQUEST_INVALID', { param: variables.path.join('.'), problem: variables.problem });
  }
  const documents = body.documents ?? undefined;
  const tools = body.tools ?? undefined;
  checkTextLength(JSON.stringify(variables ?? {}), 'chat_template_kwargs', context.maxLength);
  checkTextLength(JSON.stringify(documents ?? []), 'documents', context.maxLength);
  checkTextLength(JSON.stringify(tools ?? []), 'tools', context.maxLength);
  const fitted = fitToTemplate({ messages, tools }, context.tokenizer, { documents });
  if (fitted instanceof FieldProblem) {
    throw new EspalierError('REQUEST_UNSUPPORTED', { param: fitted.path.join('.'), problem: fitted.problem });
  }
  const options = { addGenerationPrompt, tools: fitted.tools, documents, variables };
  return context.tokenizer.encodeChatInSlices(fitted.messages, options);
}

/** All words that a template may write. */
function textOf(messages: readonly ChatMessage[]): string {
  return messages
    .map(({ role: _role, content, ...others }) => {
      const more = Object.keys(others).length === 0 ? '' : JSON.stringify(others);
      return typeof content === 'string' ? content + more : more;
    })
    .join('');
}
