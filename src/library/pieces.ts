import type { GeneratedToken, ReportedToken } from '../engine/index.ts';
import { AnswerText, type StreamDecoder } from '../tokenizer/index.ts';

/** Why an answer ended: at a stop token or a stop string, or at a limit. */
export type FinishReason = 'stop' | 'length';

/** What one token adds to an answer. */
export interface Piece {
  /** Text that is final now: often that of the token, sometimes none, sometimes that of several. */
  readonly text: string;
  readonly tokens: readonly number[];
  /** One for each token, where asked for. */
  readonly logprobs?: readonly ReportedToken[];
  /** With the last piece only. */
  readonly finishReason?: FinishReason;
}

export interface PieceOptions {
  readonly decoder: StreamDecoder | undefined;
  /** Strings that end the answer, looked for in what comes after its first `minTokens` tokens. */
  readonly stops: readonly string[];
  readonly minTokens: number;
  readonly logprobs: boolean;
}

/** Turns tokens to text: never a half of a character, never a part of a stop string. Leaving the loop ends the generation. */
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
  // No token was asked for.
  if (!isEnded) yield { text: '', tokens: [], finishReason: 'length' };
}
