import type { StreamDecoder } from './stream-decoder.ts';
import { createStopMatcher, type StopMatcher } from './stop-matcher.ts';

export interface AnswerTextOptions {
  /** Absent where the base has no tokenizer: the text stays empty. */
  readonly decoder: StreamDecoder | undefined;
  /** Strings that end the answer. They are searched in the text after its first `minTokens` tokens. */
  readonly stops: readonly string[];
  readonly minTokens: number;
}

/** What one token adds to the text of an answer, and why the answer ends with it, if it does. */
export interface AddedText {
  readonly text: string;
  readonly finishReason?: 'stop' | 'length';
  /** The stop string that ends it, if one does. */
  readonly stopString?: string;
}

/** The text of an answer as its tokens come: never a part of a character, never a part of a stop string. */
export class AnswerText {
  readonly #decoder: StreamDecoder | undefined;
  readonly #matcher: StopMatcher;
  readonly #minTokens: number;
  #count = 0;

  constructor({ decoder, stops, minTokens }: AnswerTextOptions) {
    this.#decoder = decoder;
    this.#matcher = createStopMatcher(stops);
    this.#minTokens = minTokens;
  }

  /** The text of one token alone, before stop strings are searched. A stop token has none. */
  decode(token: number, finishReason?: 'stop' | 'length'): string {
    return finishReason === 'stop' ? '' : (this.#decoder?.push(token) ?? '');
  }

  /** Adds what `decode` gave for a token. A finish reason ends the text: what was held back comes then, up to a stop string. */
  add(fresh: string, finishReason?: 'stop' | 'length'): AddedText {
    this.#count++;
    const isSearched = this.#count > this.#minTokens;
    const { text, stop }: ReturnType<StopMatcher['push']> = isSearched ? this.#matcher.push(fresh) : { text: fresh };
    if (stop !== undefined) return { text, finishReason: 'stop', stopString: stop };
    if (finishReason === undefined) return { text };
    const last = this.#matcher.push(this.#decoder?.end() ?? '');
    if (last.stop !== undefined) return { text: text + last.text, finishReason: 'stop', stopString: last.stop };
    return { text: text + last.text + this.#matcher.end(), finishReason };
  }
}
