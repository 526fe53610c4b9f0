import { EspalierError } from '../../core/index.ts';
import { FieldProblem, type Tool } from '../../chat/index.ts';
import type { ChatRequest } from '../answering/chat-request.ts';
import { drawingOf } from '../openai/sampling-of.ts';
import { variablesOf } from '../openai/template-variables.ts';
import type { Conversation } from './conversation-of.ts';
import { readToolChoice } from './read-tool-choice.ts';
import type { FunctionTool } from './read-tools.ts';
import type { ResponseBody } from './response-body.ts';

/**
 * Translates a body of `/v1/responses` and its conversation.
 * @throws EspalierError REQUEST_INVALID for a choice of tools that are not there
 */
export function chatRequestOf(body: ResponseBody, { messages, paramOf }: Conversation): ChatRequest {
  const chosen = readToolChoice(body.tool_choice, body.tools ?? []);
  if (chosen instanceof FieldProblem) {
    const param = ['tool_choice', ...chosen.path].join('.');
    throw new EspalierError('REQUEST_INVALID', { param, problem: chosen.problem });
  }
  const { tools, choice } = chosen;
  assertPlain(body);
  return {
    model: body.model,
    messages,
    tools: tools.length === 0 ? undefined : tools.map(toolOf),
    toolChoice: choice,
    parallelToolCalls: body.parallel_tool_calls !== false,
    variables: variablesOf(body),
    documents: undefined,
    reasoning: { effort: body.reasoning?.effort ?? undefined, isShown: true },
    drawing: drawingOf({ ...body, n: 1 }, topLogprobsOf(body)),
    // WHY the rest of the context: OpenAI's API has no default limit here.
    length: { param: 'max_output_tokens', asked: body.max_output_tokens, byDefault: Infinity },
    isStreamed: body.stream === true,
    paramOf,
  };
}

/** @throws EspalierError REQUEST_UNSUPPORTED for what makes an answer anything but a text */
function assertPlain({ text }: ResponseBody): void {
  const param = 'text.format';
  if ((text?.format?.type ?? 'text') === 'text') return;
  throw new EspalierError('REQUEST_UNSUPPORTED', {
    param,
    problem: 'answers are plain text; ask for the form in the input',
  });
}

/** A tool as templates read it, and as chats send it. */
function toolOf({ name, description, parameters }: FunctionTool): Tool {
  return {
    type: 'function',
    function: {
      name,
      ...(description !== null && { description }),
      ...(parameters !== null && { parameters }),
    },
  };
}

/** @returns undefined where no log-probabilities are asked for */
export function topLogprobsOf({
  include,
  top_logprobs: top,
}: Pick<ResponseBody, 'include' | 'top_logprobs'>): number | undefined {
  const isAsked = include?.includes('message.output_text.logprobs') === true || (top ?? 0) > 0;
  return isAsked ? (top ?? 0) : undefined;
}
