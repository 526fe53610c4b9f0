import type { GeneratedToken, ReportedToken } from '../engine/index.ts';
import { createStopMatcher, type StopMatcher, type StreamDecoder } from '../tokenizer/index.ts';

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
  const matcher = createStopMatcher(stops);
  let count = 0;
  let isEnded = false;
  for await (const { finishReason, ...reported } of generated) {
    const { token } = reported;
    const tokens = { tokens: [token], ...(logprobs && { logprobs: [reported] }) };
    const fresh = finishReason === 'stop' ? '' : (decoder?.push(token) ?? '');
    count++;
    const { text, stopped } = count > minTokens ? matcher.push(fresh) : { text: fresh, stopped: false };
    if (stopped) {
      yield { text, ...tokens, finishReason: 'stop' };
      return;
    }
    isEnded = finishReason !== undefined;
    if (finishReason === undefined) yield { text, ...tokens };
    else {
      const end = endOf(matcher, decoder);
      yield { text: text + end.text, ...tokens, finishReason: end.stopped ? 'stop' : finishReason };
    }
  }
  // No token was asked for.
  if (!isEnded) yield { text: '', tokens: [], finishReason: 'length' };
}

/** What was held back comes now, as far as no stop string is found in it. */
function endOf(
  matcher: StopMatcher,
  decoder: StreamDecoder | undefined,
): { readonly text: string; readonly stopped: boolean } {
  const last = matcher.push(decoder?.end() ?? '');
  return last.stopped ? last : { text: last.text + matcher.end(), stopped: false };
}
