import type { NamedToken } from '../../answering/index.ts';
import { newId } from './ids.ts';
import type { MessageItem, OutputItem, OutputText } from './items.ts';
import { tokenLogprobs } from './logprobs.ts';
import type { ItemPlace, OpenItem } from './open-item.ts';
import type { ResponseEvent } from './response-event.ts';

/** A message of the assistant, with one part of text. */
export class OpenMessage implements OpenItem {
  readonly #place: ItemPlace & { readonly content_index: 0 };
  readonly #withLogprobs: boolean;
  readonly #logprobs: object[] = [];
  #text = '';

  /** @param withLogprobs  whether the text has log-probabilities, even if it is empty */
  constructor(outputIndex: number, withLogprobs: boolean) {
    this.#place = { item_id: newId('msg'), output_index: outputIndex, content_index: 0 };
    this.#withLogprobs = withLogprobs;
  }

  begin(): readonly ResponseEvent[] {
    const { output_index } = this.#place;
    const item: MessageItem = { ...this.item('in_progress'), content: [] };
    return [
      { type: 'response.output_item.added', output_index, item },
      { type: 'response.content_part.added', ...this.#place, part: this.#part() },
    ];
  }

  write(delta: string, tokens: readonly NamedToken[]): readonly ResponseEvent[] {
    const logprobs = tokens.map(tokenLogprobs);
    this.#text += delta;
    this.#logprobs.push(...logprobs);
    return [{ type: 'response.output_text.delta', ...this.#place, delta, logprobs }];
  }

  item(status: OutputItem['status']): MessageItem {
    return { id: this.#place.item_id, type: 'message', status, role: 'assistant', content: [this.#part()] };
  }

  end(): readonly ResponseEvent[] {
    const logprobs = [...this.#logprobs];
    return [
      { type: 'response.output_text.done', ...this.#place, text: this.#text, logprobs },
      { type: 'response.content_part.done', ...this.#place, part: this.#part() },
    ];
  }

  #part(): OutputText {
    const logprobs = this.#withLogprobs ? { logprobs: [...this.#logprobs] } : {};
    return { type: 'output_text', annotations: [], ...logprobs, text: this.#text };
  }
}
