import { FieldProblem, type TemplateVariables } from '../../chat/index.ts';
import { EspalierError } from '../../core/index.ts';
import { type ChatRequest, type ToolChoice, assertToolChoice } from '../../answering/index.ts';
import type { CountTokensBody, MessageBody } from './message-body.ts';
import { readConversation, readSystem } from './read-conversation.ts';
import type { Place } from './turns.ts';

/** The parts of a request of which its prompt is made. */
export type MessagePrompt = Pick<
  ChatRequest,
  'model' | 'messages' | 'tools' | 'toolChoice' | 'variables' | 'documents' | 'reasoning' | 'paramOf'
>;

/**
 * Translates the fields of a body of which the prompt is made.
 * @throws EspalierError REQUEST_INVALID
 */
export function messagePromptOf(body: CountTokensBody): MessagePrompt {
  const system = assertRead(readSystem(body.system), 'system');
  const toolChoice = toolChoiceOf(body.tool_choice);
  assertToolChoice(
    body.tools ?? undefined,
    toolChoice,
    typeof toolChoice === 'object' ? 'tool_choice.name' : 'tool_choice',
  );
  const { messages, places } = assertRead(readConversation(body.messages, system), 'messages');
  return {
    model: body.model,
    messages,
    tools: body.tools ?? undefined,
    toolChoice,
    variables: variablesOf(body.thinking),
    documents: undefined,
    reasoning: {
      effort: body.output_config?.effort ?? undefined,
      isShown: body.thinking?.type !== 'disabled' && body.thinking?.display !== 'omitted',
    },
    paramOf: (path) => paramOf(path, places),
  };
}

/** Translates a body of `/v1/messages`. @throws EspalierError REQUEST_INVALID */
export function chatRequestOf(body: MessageBody): ChatRequest {
  const topP = body.top_p ?? 1;
  return {
    ...messagePromptOf(body),
    constraint: constraintOf(body),
    parallelToolCalls: body.tool_choice?.disable_parallel_tool_use !== true,
    drawing: {
      sampling: {
        // WHY 1: the default of Anthropic's API.
        temperature: body.temperature ?? 1,
        // WHY: at least one token always remains, so a top_p of 0 keeps the most likely one.
        ...(topP === 0 ? { topK: 1 } : { topK: body.top_k ?? 0, topP }),
      },
      n: 1,
      stops: body.stop_sequences ?? [],
      stopTokenIds: [],
      ignoresEnds: false,
      topLogprobs: undefined,
      namesByIds: false,
    },
    length: { param: 'max_tokens', asked: body.max_tokens, byDefault: body.max_tokens },
    isStreamed: body.stream === true,
  };
}

function assertRead<Value>(read: Value | FieldProblem, field: string): Value {
  if (!(read instanceof FieldProblem)) return read;
  throw new EspalierError('REQUEST_INVALID', { param: [field, ...read.path].join('.'), problem: read.problem });
}

/**
 * The form that the answer has to have.
 * @throws EspalierError REQUEST_INVALID for two of them
 */
function constraintOf({ output_config: config, output_format: older }: MessageBody): ChatRequest['constraint'] {
  const named = config?.format ?? undefined;
  if (named !== undefined && (older ?? undefined) !== undefined) {
    const problem = '"output_config.format" names the form of the answer; leave this one out';
    throw new EspalierError('REQUEST_INVALID', { param: 'output_format', problem });
  }
  const format = named ?? older ?? undefined;
  const param = named === undefined ? 'output_format' : 'output_config.format';
  return format && { param, spec: { kind: 'json-schema', schema: format.schema } };
}

function toolChoiceOf(choice: CountTokensBody['tool_choice']): ToolChoice {
  switch (choice?.type) {
    case 'any':
      return 'required';
    case 'none':
      return 'none';
    case 'tool':
      return { name: choice.name ?? '' };
    default:
      return 'auto';
  }
}

/** Whether a template thinks is a variable in it. Other types leave it to the template. */
function variablesOf(thinking: CountTokensBody['thinking']): TemplateVariables | undefined {
  if (thinking?.type === 'enabled') return { enable_thinking: true };
  return thinking?.type === 'disabled' ? { enable_thinking: false } : undefined;
}

/** The place of a message as the client wrote it: several of its messages may have become one, and one several. */
function paramOf([field = '', index, ...rest]: Place, places: readonly Place[]): string {
  const place = field === 'messages' && typeof index === 'number' ? places[index] : undefined;
  if (place !== undefined) return place.join('.');
  return [field, ...(index === undefined ? [] : [index]), ...rest].join('.');
}
