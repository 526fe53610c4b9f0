import { carryThoughts } from './carried-thoughts.ts';
import { newId } from './ids.ts';
import type { OutputItem, ReasoningItem } from './items.ts';
import type { ItemPlace, OpenItem } from './open-item.ts';
import type { ResponseEvent } from './response-event.ts';

/** Thoughts, with one part of text and no summary. */
export class OpenReasoning implements OpenItem {
  readonly #place: ItemPlace & { readonly content_index: 0 };
  readonly #isCarried: boolean;
  #text = '';

  /** @param isCarried  whether the item also has its text in the form in which clients send it back */
  constructor(outputIndex: number, isCarried: boolean) {
    this.#place = { item_id: newId('rs'), output_index: outputIndex, content_index: 0 };
    this.#isCarried = isCarried;
  }

  begin(): readonly ResponseEvent[] {
    const { item_id: id, output_index } = this.#place;
    const item: ReasoningItem = { id, type: 'reasoning', summary: [], content: [], status: 'in_progress' };
    return [
      { type: 'response.output_item.added', output_index, item },
      { type: 'response.content_part.added', ...this.#place, part: this.#part() },
    ];
  }

  write(delta: string): readonly ResponseEvent[] {
    this.#text += delta;
    return [{ type: 'response.reasoning_text.delta', ...this.#place, delta }];
  }

  item(status: OutputItem['status']): ReasoningItem {
    const carried = this.#isCarried ? { encrypted_content: carryThoughts(this.#text) } : {};
    return { id: this.#place.item_id, type: 'reasoning', summary: [], content: [this.#part()], ...carried, status };
  }

  end(): readonly ResponseEvent[] {
    return [
      { type: 'response.reasoning_text.done', ...this.#place, text: this.#text },
      { type: 'response.content_part.done', ...this.#place, part: this.#part() },
    ];
  }

  #part(): ReasoningItem['content'][number] {
    return { type: 'reasoning_text', text: this.#text };
  }
}
