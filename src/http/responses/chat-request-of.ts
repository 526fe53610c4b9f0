import { EspalierError } from '../../core/index.ts';
import { FieldProblem, type Tool } from '../../chat/index.ts';
import type { ChatRequest } from '../../answering/index.ts';
import { answerFormOf } from '../openai/answer-form.ts';
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
  return {
    model: body.model,
    messages,
    tools: tools.length === 0 ? undefined : tools.map(toolOf),
    toolChoice: choice,
    parallelToolCalls: body.parallel_tool_calls !== false,
    variables: variablesOf(body),
    documents: undefined,
    reasoning: { effort: body.reasoning?.effort ?? undefined, isShown: true },
    constraint: constraintOf(body),
    drawing: drawingOf({ ...body, n: 1 }, topLogprobsOf(body)),
    // WHY the rest of the context: OpenAI's API has no default limit here.
    length: { param: 'max_output_tokens', asked: body.max_output_tokens, byDefault: Infinity },
    leavesOldTurns: body.truncation === 'auto',
    isStreamed: body.stream === true,
    paramOf,
  };
}

/**
 * The form that the answer has to have, by `text.format` or by a field of other servers.
 * @throws EspalierError the errors of `answerFormOf`
 */
function constraintOf(body: ResponseBody): ChatRequest['constraint'] {
  const format = body.text?.format ?? { type: 'text' };
  // WHY in the form of chats: what one form allows beside it is decided in one place.
  const asked = format.type === 'json_schema' ? { type: format.type, json_schema: format } : format;
  const form = answerFormOf({ ...body, response_format: asked });
  return form?.param === 'response_format' ? { ...form, param: 'text.format' } : form;
}

/** A tool as templates read it, and as chats send it. */
function toolOf({ name, description, parameters, strict }: FunctionTool): Tool {
  return {
    type: 'function',
    function: {
      name,
      ...(description !== null && { description }),
      ...(parameters !== null && { parameters }),
      ...(strict !== undefined && { strict }),
    },
  };
}

/** @returns undefined where no log-probabilities are asked for. Either field asks for them */
export function topLogprobsOf({
  include,
  top_logprobs: top,
}: Pick<ResponseBody, 'include' | 'top_logprobs'>): number | undefined {
  const isAsked = include?.includes('message.output_text.logprobs') === true || (top ?? 0) > 0;
  return isAsked ? (top ?? 0) : undefined;
}
