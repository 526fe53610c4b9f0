import type { AnswerFormat, AnswerHead } from '../answering/answer-format.ts';
import type { Piece, Usage, WholePiece } from '../../answering/index.ts';
import { eventOf, MessageBlocks, toolUseOf } from './message-blocks.ts';
import { messagesErrorBody } from './messages-error.ts';

export interface MessageFormatOptions {
  /** Whether the client gets the thoughts of the model. */
  readonly showsThoughts: boolean;
  /** The stop sequences of the request. */
  readonly stops: readonly string[];
  /** The id of the request, which errors name. */
  readonly requestId: string;
}

/** Writes an answer as a message of Anthropic's API: whole, or as the events of a stream. It has one choice. */
export function messageFormat(
  head: AnswerHead,
  { showsThoughts, stops, requestId }: MessageFormatOptions,
): AnswerFormat {
  const blocks = new MessageBlocks({ showsThoughts });
  let ending: Ending = { stop_reason: null, stop_sequence: null };
  const message = (content: readonly object[], usage: object): object => ({
    id: `msg_${head.id.replaceAll('-', '')}`,
    type: 'message',
    role: 'assistant',
    model: head.model,
    content,
    ...ending,
    usage,
    ...head.answeredBy,
  });
  return {
    whole([choice], usage) {
      ending = endingOf(choice, stops);
      return message(choice === undefined ? [] : contentOf(choice, showsThoughts), usageOf(usage));
    },
    begin: () => {
      const usage = usageOf({
        promptTokens: head.promptTokens,
        cachedTokens: 0,
        completionTokens: 0,
        reasoningTokens: 0,
      });
      return [eventOf({ type: 'message_start', message: message([], usage) })];
    },
    piece(_index, piece) {
      if (piece.finishReason !== undefined) ending = endingOf(piece, stops);
      return blocks.add(piece);
    },
    end: (usage) => [
      ...blocks.close(),
      eventOf({ type: 'message_delta', delta: ending, usage: usageOf(usage) }),
      eventOf({ type: 'message_stop' }),
    ],
    failed: (error) => [eventOf(messagesErrorBody(error, requestId))],
  };
}

/** Why an answer ended, and the stop sequence where it is one that the client named. */
interface Ending {
  readonly stop_reason: 'end_turn' | 'max_tokens' | 'stop_sequence' | 'tool_use' | null;
  readonly stop_sequence: string | null;
}

function endingOf(piece: Piece | undefined, stops: readonly string[]): Ending {
  const { finishReason, stopString } = piece ?? {};
  if (finishReason === 'tool_calls') return { stop_reason: 'tool_use', stop_sequence: null };
  if (finishReason === 'length') return { stop_reason: 'max_tokens', stop_sequence: null };
  // WHY looked for: the mark that ends a turn of a chat is found in the same way.
  if (stopString !== undefined && stops.includes(stopString))
    return { stop_reason: 'stop_sequence', stop_sequence: stopString };
  return { stop_reason: 'end_turn', stop_sequence: null };
}

function contentOf({ reasoning = '', text, toolCalls = [] }: WholePiece, showsThoughts: boolean): object[] {
  return [
    ...(showsThoughts && reasoning !== '' ? [{ type: 'thinking', thinking: reasoning, signature: '' }] : []),
    ...(text === '' ? [] : [{ type: 'text', text }]),
    ...toolCalls.map((call) => toolUseOf(call, parsedInput(call.arguments))),
  ];
}

/** WHY no error: the text of an answer that was cut at its limit may be no JSON, and the client is told that it was cut. */
function parsedInput(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

/** In this API, input tokens that were read from a cache are counted apart from the others. */
function usageOf({ promptTokens, cachedTokens, completionTokens, reasoningTokens }: Usage): object {
  return {
    input_tokens: promptTokens - cachedTokens,
    output_tokens: completionTokens,
    output_tokens_details: { thinking_tokens: reasoningTokens },
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
  };
}
