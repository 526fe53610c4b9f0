import { Pace } from '../core/index.ts';
import { type AddedText, AnswerText, type Tokenizer } from '../tokenizer/index.ts';
import { echoPrompt, type EchoedPrompt, type Prompt } from './echo.ts';
import type { GeneratedToken, ReportedToken, TokenStream } from '../service/index.ts';
import { countCodePoints, createTokenNames, type NamedToken } from './token-names.ts';
import type { ToolCallDelta } from './tool-call-delta.ts';

/** A part of one choice that is sent at once. */
export interface Piece {
  /** Follows the thoughts of the same piece, and stands before its calls. */
  readonly text: string;
  /** Thoughts, which are no part of the text. Absent: none. */
  readonly reasoning?: string;
  /** What follows in the calls of tools, which are no part of the text either. Absent: nothing. */
  readonly toolCalls?: readonly ToolCallDelta[];
  /** Includes the tokens of the prompt if the answer repeats it. */
  readonly tokenIds: readonly number[];
  /** Number of these tokens that the model generated. */
  readonly generated: number;
  /** How many of these belong to thoughts. Absent: none. */
  readonly reasoningTokens?: number;
  /** One for each token, if log-probabilities were asked for. */
  readonly logprobs?: readonly NamedToken[];
  /** The same of generated tokens as the engine reports them, by their ids. */
  readonly reported?: readonly ReportedToken[];
  readonly finishReason?: FinishReason;
  /** The stop string that ended the choice: one of the request, or the mark that ends a turn. Absent: none did. */
  readonly stopString?: string;
}

export type FinishReason = 'stop' | 'length' | 'tool_calls';

export interface PieceOptions {
  readonly tokenizer: Tokenizer | undefined;
  readonly prompt: Prompt;
  readonly continuesPrompt: boolean;
  /** Strings that end the answer. They are searched in the text after its first `minTokens` tokens. */
  readonly stops: readonly string[];
  readonly minTokens: number;
  /** Whether the answer begins with the prompt. */
  readonly echo: boolean;
  /** Special tokens that are in the text. Default: none. */
  readonly visible?: ReadonlySet<number> | undefined;
  /** How tokens are named in log-probabilities; undefined if there are none. */
  readonly naming: { readonly asIds: boolean } | undefined;
}

/** Converts tokens to text, ends at a stop string, and never sends a part of a character. */
export async function* piecesOf(generated: TokenStream, options: PieceOptions): AsyncIterable<Piece> {
  const { tokenizer, prompt, continuesPrompt, minTokens, naming, visible } = options;
  // WHY: the continuation of a text keeps the space before its first word; a turn of a chat does not.
  const decoder = tokenizer?.createStreamDecoder({
    ...(continuesPrompt && { after: prompt.tokens }),
    ...(visible && { visible }),
  });
  const answer = new AnswerText({ decoder, stops: options.stops, minTokens });
  const names = naming && createTokenNames(tokenizer, naming);
  const echo = options.echo ? await echoPrompt(prompt, tokenizer) : undefined;
  let offset = countCodePoints(echo?.text ?? '');
  let isEchoed = echo === undefined;
  let isEnded = false;
  for await (const reported of generated) {
    const { token, finishReason } = reported;
    if (echo !== undefined && !isEchoed) yield* echoed(echo, generated, options);
    isEchoed = true;
    isEnded = finishReason !== undefined;
    const fresh = answer.decode(token, finishReason);
    const told = names?.nameOf(reported, offset);
    if (told !== undefined) offset += countCodePoints(fresh);
    const added = answer.add(fresh, finishReason);
    yield pieceOf(reported, told, added);
    if (added.finishReason !== undefined && finishReason === undefined) return;
  }
  if (echo !== undefined && !isEchoed) yield* echoed(echo, generated, options);
  // No token was asked for.
  if (!isEnded) yield { text: '', tokenIds: [], generated: 0, finishReason: 'length' };
}

function pieceOf(
  { finishReason: _ending, ...reported }: GeneratedToken,
  told: NamedToken | undefined,
  added: AddedText,
): Piece {
  const tokens = { tokenIds: [reported.token], generated: 1 };
  return { ...added, ...tokens, ...(told && { logprobs: [told], reported: [reported] }) };
}

/** Tokens of a prompt that are reported at once. */
const echoSlice = 64;

/**
 * The prompt as the beginning of the answer. With log-probabilities it is sent in slices, because all at once would delay other
 * requests.
 */
async function* echoed(
  { text, offsets }: EchoedPrompt,
  { promptTokens = [] }: TokenStream,
  { prompt: { tokens }, tokenizer, naming }: PieceOptions,
): AsyncIterable<Piece> {
  if (naming === undefined) {
    yield { text, tokenIds: tokens, generated: 0 };
    return;
  }
  const names = createTokenNames(tokenizer, naming);
  const pace = new Pace();
  for (let start = 0; start < tokens.length; start += echoSlice) {
    const tokenIds = tokens.slice(start, start + echoSlice);
    const logprobs = tokenIds.map((token, place) => {
      return names.nameOf(promptTokens[start + place] ?? { token }, offsets[start + place] ?? 0);
    });
    yield { text: start === 0 ? text : '', tokenIds, generated: 0, logprobs };
    const turn = pace.step();
    if (turn) await turn;
  }
}
