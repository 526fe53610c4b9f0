import type { GeneratedToken, ReportedToken } from '../engine/index.ts';
import { AnswerText, type StreamDecoder } from '../tokenizer/index.ts';

/** Why an answer ended: `stop` at a stop token or stop string, `length` at a limit. */
export type FinishReason = 'stop' | 'length';

/** The part of an answer that one token adds. */
export interface Piece {
  /** The text that has become final: usually the text of the token, sometimes nothing, sometimes the text of several tokens. */
  readonly text: string;
  readonly tokens: readonly number[];
  /** The log-probability of each token, if requested. */
  readonly logprobs?: readonly ReportedToken[];
  /** Only in the last piece. */
  readonly finishReason?: FinishReason;
}

export interface PieceOptions {
  readonly decoder: StreamDecoder | undefined;
  /** Strings that end the answer. They are searched in the text after the first `minTokens` tokens. */
  readonly stops: readonly string[];
  readonly minTokens: number;
  readonly logprobs: boolean;
}

/** Decodes tokens to text. A piece never ends within a character or a stop string. Leaving the loop ends the generation. */
export async function* piecesOf(
  generated: AsyncIterable<GeneratedToken>,
  { decoder, stops, minTokens, logprobs }: PieceOptions,
): AsyncGenerator<Piece, void, undefined> {
  const answer = new AnswerText({ decoder, stops, minTokens });
  let isEnded = false;
  for await (const { finishReason, ...reported } of generated) {
    const { token } = reported;
    isEnded = finishReason !== undefined;
    const added = answer.add(answer.decode(token, finishReason), finishReason);
    yield { ...added, tokens: [token], ...(logprobs && { logprobs: [reported] }) };
    if (added.finishReason !== undefined && !isEnded) return;
  }
  // The call requested no tokens.
  if (!isEnded) yield { text: '', tokens: [], finishReason: 'length' };
}
