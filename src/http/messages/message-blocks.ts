import type { StreamEvent } from '../answering/answer-format.ts';
import type { Piece, ToolCallDelta } from '../../answering/index.ts';

/** A block that is being sent: the thoughts, the text, or the call of this number. */
type OpenBlock = 'thinking' | 'text' | number;

/** Divides an answer into the content blocks of a stream, one after the other. */
export class MessageBlocks {
  readonly #showsThoughts: boolean;
  #open: OpenBlock | undefined;
  /** Number of the open block, or of the next one. */
  #index = 0;

  constructor({ showsThoughts }: { readonly showsThoughts: boolean }) {
    this.#showsThoughts = showsThoughts;
  }

  /** The events for the next piece of the answer. */
  add({ reasoning = '', text, toolCalls = [] }: Pick<Piece, 'reasoning' | 'text' | 'toolCalls'>): StreamEvent[] {
    const thoughts = this.#showsThoughts ? reasoning : '';
    return [
      ...(thoughts === '' ? [] : this.#added('thinking', { type: 'thinking_delta', thinking: thoughts })),
      ...(text === '' ? [] : this.#added('text', { type: 'text_delta', text })),
      ...toolCalls.flatMap((call) => this.#call(call)),
    ];
  }

  /** Closes the open block, if there is one. */
  close(): StreamEvent[] {
    if (this.#open === undefined) return [];
    this.#open = undefined;
    return [eventOf({ type: 'content_block_stop', index: this.#index++ })];
  }

  #call(call: ToolCallDelta): StreamEvent[] {
    const opened = this.#opened(call.index, toolUseOf(call, {}));
    if (call.arguments === '') return opened;
    return [...opened, this.#delta({ type: 'input_json_delta', partial_json: call.arguments })];
  }

  #added(kind: 'thinking' | 'text', delta: object): StreamEvent[] {
    const empty = kind === 'text' ? { type: 'text', text: '' } : { type: 'thinking', thinking: '', signature: '' };
    return [...this.#opened(kind, empty), this.#delta(delta)];
  }

  /** Opens a block unless it is the open one. After the first, a ping follows, as clients know it. */
  #opened(kind: OpenBlock, block: object): StreamEvent[] {
    if (this.#open === kind) return [];
    const closed = this.close();
    this.#open = kind;
    const start = eventOf({ type: 'content_block_start', index: this.#index, content_block: block });
    return [...closed, start, ...(this.#index === 0 ? [eventOf({ type: 'ping' })] : [])];
  }

  #delta(delta: object): StreamEvent {
    return eventOf({ type: 'content_block_delta', index: this.#index, delta });
  }
}

/** An event whose name is the type of its data. */
export function eventOf<Data extends { readonly type: string }>(data: Data): StreamEvent {
  return { name: data.type, data };
}

/** A call as a block. Ids have the beginning that clients of this API know. */
export function toolUseOf({ id = '', name = '' }: Pick<ToolCallDelta, 'id' | 'name'>, input: object): object {
  return { type: 'tool_use', id: id.replace(/^(call_)?/, 'toolu_'), name, input };
}
