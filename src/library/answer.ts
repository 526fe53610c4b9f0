import {
  addToolCallDelta,
  type AnsweringAdapter,
  type FinishReason,
  type Piece as AnswerPiece,
  type StartedAnswer,
  TokenCount,
  type ToolCallDelta,
  type Usage,
  type WholeToolCall,
} from '../answering/index.ts';
import type { ReportedToken } from '../engine/index.ts';

/** What is known of an answer at its end. */
export interface AnswerEnd {
  /** `stop` at a stop token or stop string, `tool_calls` behind calls of tools, `length` at a limit. */
  readonly finishReason: FinishReason;
  /** Tokens of the prompt and of the answer. */
  readonly usage: Usage;
  /** The versions that answered. Empty: the base. */
  readonly answeredBy: readonly AnsweringAdapter[];
}

/** The part of an answer that one token adds. */
export interface Piece extends Partial<AnswerEnd> {
  /** The text that has become final: usually the text of the token, sometimes nothing, sometimes the text of several tokens. */
  readonly text: string;
  /** Thoughts of the model, which are no part of the text. They come before it. */
  readonly reasoning?: string;
  /** What follows in calls of tools: the name with the first part of each, then parts of the JSON text of its arguments. */
  readonly toolCalls?: readonly ToolCallDelta[];
  readonly tokens: readonly number[];
  /** The log-probability of each token, if requested. */
  readonly logprobs?: readonly ReportedToken[];
}

/** A complete answer. */
export interface Answer extends AnswerEnd {
  readonly text: string;
  /** Thoughts of the model, which are no part of the text. Absent: none. */
  readonly reasoning?: string;
  /** The calls of tools. `arguments` is the JSON text that the model wrote. Absent: none. */
  readonly toolCalls?: readonly WholeToolCall[];
  readonly tokens: readonly number[];
  /** The log-probability of each token, if requested. */
  readonly logprobs?: readonly ReportedToken[];
}

/** Reads a generation that has begun. The last piece says how it ended. Leaving the loop ends the generation. */
export async function* readAnswer(
  started: StartedAnswer & { readonly answeredBy: readonly AnsweringAdapter[] },
): AsyncGenerator<Piece, void, undefined> {
  const [choice] = started.choices;
  if (choice === undefined) return;
  const count = new TokenCount();
  for await (const piece of choice.pieces) {
    count.add(piece);
    const { finishReason } = piece;
    yield {
      ...partOf(piece),
      ...(finishReason && { finishReason, usage: count.usage(started), answeredBy: started.answeredBy }),
    };
  }
}

function partOf({ text, reasoning, toolCalls, tokenIds, reported }: AnswerPiece): Piece {
  return {
    text,
    ...(reasoning !== undefined && { reasoning }),
    ...(toolCalls && { toolCalls }),
    tokens: tokenIds,
    ...(reported && { logprobs: reported }),
  };
}

/** Joins the pieces of an answer. */
export async function collectAnswer(pieces: AsyncIterable<Piece>): Promise<Answer> {
  let [text, reasoning] = ['', ''];
  let end = noEnd;
  const tokens: number[] = [];
  const toolCalls: WholeToolCall[] = [];
  let logprobs: ReportedToken[] | undefined;
  for await (const piece of pieces) {
    text += piece.text;
    reasoning += piece.reasoning ?? '';
    for (const token of piece.tokens) tokens.push(token);
    for (const delta of piece.toolCalls ?? []) addToolCallDelta(toolCalls, delta);
    if (piece.logprobs) (logprobs ??= []).push(...piece.logprobs);
    const { finishReason, usage, answeredBy = [] } = piece;
    if (finishReason && usage) end = { finishReason, usage, answeredBy };
  }
  return {
    text,
    ...(reasoning !== '' && { reasoning }),
    ...(toolCalls.length > 0 && { toolCalls }),
    tokens,
    ...(logprobs && { logprobs }),
    ...end,
  };
}

/** Of a stream that says nothing of its end. */
const noEnd: AnswerEnd = {
  finishReason: 'length',
  usage: { promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 },
  answeredBy: [],
};
