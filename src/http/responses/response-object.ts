import type { AnswerHead } from '../answering/answer-format.ts';
import type { Usage } from '../../answering/index.ts';
import { newId } from './ids.ts';
import type { OutputItem } from './items.ts';
import type { ResponseBody } from './response-body.ts';

/** A response as the API sends it. */
export interface ResponseObject {
  readonly id: string;
  readonly [field: string]: unknown;
}

/** How a response ended, or that it has not. */
export type ResponseStatus = 'in_progress' | 'completed' | 'incomplete' | 'failed';

/** What changes of a response while it is written. */
export interface ResponseState {
  readonly status: ResponseStatus;
  readonly output: readonly OutputItem[];
  readonly usage: Usage | undefined;
  readonly error?: object;
}

export interface ResponseHead {
  readonly head: AnswerHead;
  /** The request, most of whose fields are given back. */
  readonly body: ResponseBody;
  /** Whether the response will be kept. */
  readonly isKept: boolean;
}

/** A response as a JSON object, complete as OpenAI's types have it. `output_text` is added by the clients. */
export function responseObject({ head, body, isKept }: ResponseHead, state: ResponseState): ResponseObject {
  const isDone = state.status === 'completed';
  return {
    id: newId('resp', head.id),
    object: 'response',
    created_at: head.created,
    completed_at: isDone ? Math.floor(Date.now() / 1000) : null,
    status: state.status,
    background: false,
    error: state.error ?? null,
    incomplete_details: state.status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    model: head.model,
    output: state.output,
    usage: state.usage === undefined ? null : usageObject(state.usage),
    ...echoOf(body),
    store: isKept,
    ...head.answeredBy,
  };
}

/** The fields of a request that its response gives back, with the values that they have by default. */
function echoOf(body: ResponseBody): object {
  const { text, reasoning } = body;
  return {
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    metadata: body.metadata ?? {},
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: { effort: reasoning?.effort ?? null, summary: null },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: 'default',
    temperature: body.temperature ?? 1,
    text: { format: text?.format ?? { type: 'text' }, verbosity: text?.verbosity ?? 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    // WHY true: OpenAI's default here, other than in chats. It asks for what can be followed of a schema, and refuses none.
    tools: (body.tools ?? []).map((tool) => ({ ...tool, strict: tool.strict ?? true })),
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    user: body.user ?? null,
    access_programs: null,
  };
}

function usageObject({ promptTokens, completionTokens, reasoningTokens, cachedTokens }: Usage): object {
  return {
    input_tokens: promptTokens,
    // WHY 0: what a prompt leaves for later ones costs nothing here, so none is counted.
    input_tokens_details: { cached_tokens: cachedTokens, cache_write_tokens: 0 },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: promptTokens + completionTokens,
  };
}
