import { Pace } from '../../core/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { countCodePoints } from './token-names.ts';

/** What a choice goes on from. */
export interface Prompt {
  readonly tokens: readonly number[];
  /** The text of which the tokens were made, where the client sent one. */
  readonly text?: string;
}

/** A prompt as it is given back. */
export interface EchoedPrompt {
  /** What the client sent, or the text of the ids that it sent. */
  readonly text: string;
  /** For each token, the code points of the text before it. */
  readonly offsets: readonly number[];
}

/** Finds the text of a prompt, special tokens written out, and where in it each token begins. Without a tokenizer there is no text. */
export async function echoPrompt({ tokens, text }: Prompt, tokenizer: Tokenizer | undefined): Promise<EchoedPrompt> {
  if (tokenizer === undefined) return { text: '', offsets: tokens.map(() => 0) };
  const decoder = tokenizer.createStreamDecoder({ skipSpecial: false });
  const isAdded = text !== undefined && tokens[0] === tokenizer.bosId && !beginsWith(text, tokens[0], tokenizer);
  const offsets: number[] = [];
  const pace = new Pace();
  let decoded = '';
  let length = 0;
  for (const [place, token] of tokens.entries()) {
    offsets.push(length);
    const fresh = place === 0 && isAdded ? '' : decoder.push(token);
    decoded += fresh;
    length += countCodePoints(fresh);
    const turn = pace.step();
    if (turn) await turn;
  }
  decoded += decoder.end();
  if (text === undefined || text === decoded) return { text: decoded, offsets };
  // A tokenizer that changes a text before it reads it has places in the changed one only.
  const last = countCodePoints(text);
  return { text, offsets: offsets.map((offset) => Math.min(offset, last)) };
}

/** Whether a text has a token written out at its beginning, so that the token was not put in front of it. */
function beginsWith(text: string, token: number | undefined, tokenizer: Tokenizer): boolean {
  const bytes = token === undefined ? undefined : tokenizer.tokenBytes(token);
  return bytes !== undefined && text.startsWith(new TextDecoder().decode(bytes));
}
