import { Pace } from '../core/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { countCodePoints } from './token-names.ts';

/** The prompt of a choice. */
export interface Prompt {
  readonly tokens: readonly number[];
  /** The text that was tokenized, if the client sent text. */
  readonly text?: string;
}

/** A prompt as the answer repeats it. */
export interface EchoedPrompt {
  /** The text that the client sent, or the text of its token ids. */
  readonly text: string;
  /** For each token, the number of code points of the text before it. */
  readonly offsets: readonly number[];
}

/** Finds the text of a prompt, including special tokens, and the place where each token begins. Without a tokenizer the text is empty. */
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
  // A tokenizer that normalizes a text knows only the places in the normalized text.
  const last = countCodePoints(text);
  return { text, offsets: offsets.map((offset) => Math.min(offset, last)) };
}

/** Whether a text begins with the text of a token, so that the tokenizer did not add the token. */
function beginsWith(text: string, token: number | undefined, tokenizer: Tokenizer): boolean {
  const bytes = token === undefined ? undefined : tokenizer.tokenBytes(token);
  return bytes !== undefined && text.startsWith(new TextDecoder().decode(bytes));
}
