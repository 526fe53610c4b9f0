import type { ChatRequest, ReasoningWishes } from '../../answering/index.ts';
import type { ChatCompletionBody } from './request-body.ts';
import { answerFormOf } from './answer-form.ts';
import { drawingOf } from './sampling-of.ts';
import { toolsOf } from './tools-of.ts';
import { variablesOf } from './template-variables.ts';

/**
 * Translates a body of `/v1/chat/completions`.
 * @throws EspalierError REQUEST_INVALID for variables that a template is given in another way
 */
export function chatRequestOf(body: ChatCompletionBody): ChatRequest {
  return {
    model: body.model,
    messages: body.messages,
    ...toolsOf(body),
    variables: variablesOf(body),
    documents: body.documents ?? undefined,
    reasoning: reasoningOf(body),
    constraint: answerFormOf(body),
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

/** OpenAI's and vLLM's fields, and `reasoning` as OpenRouter has it. */
function reasoningOf(body: ChatCompletionBody): ReasoningWishes {
  const { reasoning_effort: effort, include_reasoning: included, separate_reasoning: isApart, reasoning } = body;
  const wished = effort ?? reasoning?.effort ?? (reasoning?.enabled === false ? 'none' : undefined);
  return { effort: wished, isApart: isApart !== false, isShown: included !== false && reasoning?.exclude !== true };
}
