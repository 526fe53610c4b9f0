import { EspalierError } from '../core/index.ts';
import { fitToTemplate, FieldProblem, toolsInWords } from '../chat/index.ts';
import type { ChatMessage } from '../tokenizer/index.ts';
import type { ServingContext } from '../service/index.ts';
import type { ChatRequest } from './chat-request.ts';
import { firstThatFits, shorterConversations } from './newest-turns.ts';
import { checkTextLength } from './prompt-text.ts';

/** The parts of a request of which its prompt is made. */
type ChatPrompt = Pick<ChatRequest, 'messages' | 'tools' | 'variables' | 'documents' | 'paramOf'>;

/**
 * The tokens of a conversation, by the chat template of the context's tokenizer. What can be refused by its size is refused before it is
 * rendered.
 *
 * @param options.addGenerationPrompt  whether the beginning of the assistant's answer follows. Default: it does.
 * @throws EspalierError REQUEST_UNSUPPORTED for what the template leaves out; REQUEST_INVALID, TEXT_TOO_LONG for more than the context
 *   can hold; CHAT_TEMPLATE_FAILED, CHAT_TEMPLATE_INVALID
 */
export async function chatPromptOf(
  chat: ChatPrompt,
  context: Pick<ServingContext, 'tokenizer' | 'maxLength' | 'toolParser'>,
  { addGenerationPrompt = true }: { readonly addGenerationPrompt?: boolean } = {},
): Promise<number[]> {
  const { messages, tools, variables, documents, paramOf = joined } = chat;
  if (context.tokenizer?.hasChatTemplate !== true) {
    throw new EspalierError('REQUEST_UNSUPPORTED', {
      param: paramOf(['messages']),
      problem: 'the base has no chat template, use /v1/completions',
    });
  }
  checkSize(chat, context.maxLength);
  const { toolParser = 'auto' } = context;
  const asGiven = { messages, tools };
  const worded = tellingParsers.has(toolParser)
    ? toolsInWords(asGiven, context.tokenizer, { documents, variables })
    : asGiven;
  const fitted = fitToTemplate(worded, context.tokenizer, { documents });
  if (fitted instanceof FieldProblem) {
    throw new EspalierError('REQUEST_UNSUPPORTED', { param: paramOf(fitted.path), problem: fitted.problem });
  }
  const options = { addGenerationPrompt, tools: fitted.tools, documents, variables };
  return context.tokenizer.encodeChatInSlices(fitted.messages, options);
}

/**
 * The tokens of a conversation without as many of its oldest turns as it takes, so that the answer that is asked for fits beside them.
 * Nothing is left away where everything fits, nor where the last turn alone does not.
 *
 * @throws EspalierError the errors of `chatPromptOf`
 */
export async function newestPromptOf(
  chat: ChatPrompt & Pick<ChatRequest, 'length'>,
  context: Parameters<typeof chatPromptOf>[1],
): Promise<number[]> {
  const { paramOf = joined } = chat;
  const room = context.maxLength - Math.max(1, chat.length.asked ?? 1);
  const found = await firstThatFits(shorterConversations(chat.messages), async (shorter) => {
    const { messages, places } = shorter();
    if (messages.length > context.maxLength) return undefined;
    const paramOfLeft: typeof paramOf = ([first, index, ...rest]) => {
      const place = typeof index === 'number' ? (places[index] ?? index) : index;
      return paramOf([first ?? '', ...(place === undefined ? [] : [place]), ...rest]);
    };
    try {
      const tokens = await chatPromptOf({ ...chat, messages, paramOf: paramOfLeft }, context);
      return tokens.length <= room ? tokens : undefined;
    } catch (error) {
      if (isOverlong(error, chat)) return undefined;
      throw error;
    }
  });
  return found ?? chatPromptOf(chat, context);
}

/** Whether messages are too long to be rendered at all. */
function isOverlong(error: unknown, { paramOf = joined }: ChatPrompt): boolean {
  if (!(error instanceof EspalierError)) return false;
  return error.code === 'TEXT_TOO_LONG' && error.details['param'] === paramOf(['messages']);
}

/** The forms of calls that `toolsInWords` tells. A model that was named to have another one is told nothing else. */
const tellingParsers: ReadonlySet<string> = new Set(['auto', 'hermes']);

function joined(path: readonly (string | number)[]): string {
  return path.join('.');
}

function checkSize({ messages, tools, variables, documents, paramOf = joined }: ChatPrompt, maxLength: number): void {
  if (messages.length > maxLength) {
    const problem = `${messages.length} messages came, and the context has ${maxLength} tokens`;
    throw new EspalierError('REQUEST_INVALID', { param: paramOf(['messages']), problem });
  }
  checkTextLength(textOf(messages), paramOf(['messages']), maxLength);
  checkTextLength(JSON.stringify(variables ?? {}), paramOf(['chat_template_kwargs']), maxLength);
  checkTextLength(JSON.stringify(documents ?? []), paramOf(['documents']), maxLength);
  checkTextLength(JSON.stringify(tools ?? []), paramOf(['tools']), maxLength);
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
