import type { ToolCallDelta } from '../../answering/index.ts';
import { newId } from './ids.ts';
import type { FunctionCallItem, OutputItem } from './items.ts';
import type { ItemPlace, OpenItem } from './open-item.ts';
import type { ResponseEvent } from './response-event.ts';

/** A call of a function. */
export class OpenCall implements OpenItem {
  /** Number of the call among those of the answer. */
  readonly index: number;
  readonly #place: ItemPlace;
  readonly #callId: string;
  readonly #name: string;
  #arguments = '';

  /** @param first  the first part of the call, with its id and name; its arguments are written like those of the others */
  constructor(outputIndex: number, { index, id = newId('call'), name = '' }: ToolCallDelta) {
    this.index = index;
    this.#place = { item_id: newId('fc'), output_index: outputIndex };
    this.#callId = id;
    this.#name = name;
  }

  begin(): readonly ResponseEvent[] {
    const { output_index } = this.#place;
    return [{ type: 'response.output_item.added', output_index, item: this.item('in_progress') }];
  }

  write(delta: string): readonly ResponseEvent[] {
    if (delta === '') return [];
    this.#arguments += delta;
    return [{ type: 'response.function_call_arguments.delta', ...this.#place, delta }];
  }

  item(status: OutputItem['status']): FunctionCallItem {
    const called = { call_id: this.#callId, name: this.#name, arguments: this.#arguments };
    return { id: this.#place.item_id, type: 'function_call', status, ...called };
  }

  end(): readonly ResponseEvent[] {
    const written = { name: this.#name, arguments: this.#arguments };
    return [{ type: 'response.function_call_arguments.done', ...this.#place, ...written }];
  }
}
