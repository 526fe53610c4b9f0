import type { ChatRequest } from '../answering/chat-request.ts';
import type { ChatCompletionBody } from './request-body.ts';
import { drawingOf } from './sampling-of.ts';
import { variablesOf } from './template-variables.ts';

/**
 * Translates a body of `/v1/chat/completions`.
 * @throws EspalierError REQUEST_INVALID for variables that a template is given in another way
 */
export function chatRequestOf(body: ChatCompletionBody): ChatRequest {
  return {
    model: body.model,
    messages: body.messages,
    tools: undefined,
    toolChoice: 'auto',
    parallelToolCalls: true,
    variables: variablesOf(body),
    documents: body.documents ?? undefined,
    reasoning: { effort: undefined, isShown: true },
    drawing: drawingOf(body, body.logprobs === true ? (body.top_logprobs ?? 0) : undefined),
    // WHY the rest of the context: OpenAI's API has no default limit for chats.
    length: {
      param: typeof body.max_completion_tokens === 'number' ? 'max_completion_tokens' : 'max_tokens',
      asked: body.max_completion_tokens ?? body.max_tokens,
      byDefault: Infinity,
    },
    isStreamed: body.stream === true,
  };
}
