import type { Piece, NamedToken, ToolCallDelta } from '../../answering/index.ts';
import type { OutputItem } from './items.ts';
import { OpenCall } from './open-call.ts';
import type { OpenItem } from './open-item.ts';
import { OpenMessage } from './open-message.ts';
import { OpenReasoning } from './open-reasoning.ts';
import type { ResponseEvent } from './response-event.ts';

export interface OutputOptions {
  /** Whether texts have the log-probabilities of their tokens. */
  readonly withLogprobs: boolean;
  /** Whether thoughts also come in the form in which clients send them back. */
  readonly carriesThoughts: boolean;
}

/**
 * Divides an answer into items, one after the other, and says each step as events. Streams send the events; a whole answer takes the
 * items alone, so that both always agree.
 */
export class OutputWriter {
  readonly #options: OutputOptions;
  readonly #done: OutputItem[] = [];
  #open: OpenItem | undefined;
  /** Those of tokens whose text is not there yet. */
  #waiting: readonly NamedToken[] = [];

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /** The items so far; the last may be unfinished. */
  items(): readonly OutputItem[] {
    return this.#open === undefined ? [...this.#done] : [...this.#done, this.#open.item('incomplete')];
  }

  write({ reasoning = '', text, toolCalls = [], logprobs = [] }: Piece): readonly ResponseEvent[] {
    const events: ResponseEvent[] = [];
    const add = (more: readonly ResponseEvent[]): void => void events.push(...more);
    if (reasoning !== '') add(this.#think(reasoning));
    // WHY: the tokens of thoughts, of calls and of the marks around them have no place in a text.
    if (reasoning !== '' || toolCalls.length > 0) this.#waiting = [];
    else if (this.#options.withLogprobs) this.#waiting = [...this.#waiting, ...logprobs];
    if (text !== '') add(this.#say(text));
    for (const delta of toolCalls) add(this.#call(delta));
    return events;
  }

  /**
   * Ends the answer. One without any item gets a message without words.
   * @param isCut  whether the answer ended at its limit
   */
  end(isCut: boolean): readonly ResponseEvent[] {
    const events: ResponseEvent[] = [];
    if (this.#open === undefined && this.#done.length === 0) events.push(...this.#say(''));
    else if (this.#waiting.length > 0 && this.#open instanceof OpenMessage) events.push(...this.#say(''));
    return [...events, ...this.#close(isCut ? 'incomplete' : 'completed')];
  }

  #think(delta: string): readonly ResponseEvent[] {
    if (this.#open instanceof OpenReasoning) return this.#open.write(delta);
    const { item, begun } = this.#begin((index) => new OpenReasoning(index, this.#options.carriesThoughts));
    return [...begun, ...item.write(delta)];
  }

  #say(delta: string): readonly ResponseEvent[] {
    const tokens = this.#waiting;
    this.#waiting = [];
    if (this.#open instanceof OpenMessage) return this.#open.write(delta, tokens);
    const { item, begun } = this.#begin((index) => new OpenMessage(index, this.#options.withLogprobs));
    return delta === '' && tokens.length === 0 ? begun : [...begun, ...item.write(delta, tokens)];
  }

  #call(delta: ToolCallDelta): readonly ResponseEvent[] {
    if (this.#open instanceof OpenCall && this.#open.index === delta.index) return this.#open.write(delta.arguments);
    const { item, begun } = this.#begin((index) => new OpenCall(index, delta));
    return [...begun, ...item.write(delta.arguments)];
  }

  /** Ends the item before, and begins one at the next place of the output. */
  #begin<Begun extends OpenItem>(
    make: (outputIndex: number) => Begun,
  ): { readonly item: Begun; readonly begun: readonly ResponseEvent[] } {
    const closed = this.#close('completed');
    const item = make(this.#done.length);
    this.#open = item;
    return { item, begun: [...closed, ...item.begin()] };
  }

  #close(status: OutputItem['status']): readonly ResponseEvent[] {
    const open = this.#open;
    if (open === undefined) return [];
    const item = open.item(status);
    const output_index = this.#done.length;
    this.#done.push(item);
    this.#open = undefined;
    return [...open.end(), { type: 'response.output_item.done', output_index, item }];
  }
}
