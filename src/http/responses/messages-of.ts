import type { Item, MessageItem, ReasoningItem } from './items.ts';

/** The messages of a chat, in OpenAI's form, and for each the place of the item with which it begins. */
export interface MessagesOf {
  readonly messages: readonly object[];
  readonly places: readonly number[];
}

interface Call {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

/** A turn of the assistant that is being gathered. */
interface Turn {
  readonly place: number;
  reasoning?: string;
  content?: string;
  readonly calls: Call[];
}

/**
 * Translates items to the messages of a chat. What the assistant wrote in one turn comes as several items: thoughts, a message and
 * calls of functions in a row are one message.
 */
export function messagesOf(items: readonly Item[]): MessagesOf {
  const messages: object[] = [];
  const places: number[] = [];
  let turn: Turn | undefined;
  const add = (message: object, place: number): void => {
    messages.push(message);
    places.push(place);
  };
  const flush = (): void => {
    // WHY: clients send back thoughts of which they have kept nothing.
    if (turn !== undefined && !isEmpty(turn)) add(messageOfTurn(turn), turn.place);
    turn = undefined;
  };
  for (const [place, item] of items.entries()) {
    if (!isOfAssistant(item)) {
      flush();
      add(messageOf(item), place);
      continue;
    }
    if (turn !== undefined && beginsTurn(item, turn)) flush();
    turn ??= { place, calls: [] };
    addToTurn(item, turn);
  }
  flush();
  return { messages, places };
}

type AssistantItem = Extract<Item, { type: 'reasoning' | 'function_call' }> | MessageItem;

function isOfAssistant(item: Item): item is AssistantItem {
  return item.type === 'message' ? item.role === 'assistant' : item.type !== 'function_call_output';
}

/** Whether an item cannot belong to what was gathered: thoughts come first, then the words, then the calls. */
function beginsTurn({ type }: AssistantItem, { content, calls }: Turn): boolean {
  return type !== 'function_call' && (content !== undefined || calls.length > 0);
}

function addToTurn(item: AssistantItem, turn: Turn): void {
  switch (item.type) {
    case 'message':
      turn.content = textOf(item);
      return;
    case 'reasoning':
      turn.reasoning = (turn.reasoning ?? '') + thoughtsOf(item);
      return;
    case 'function_call': {
      const { name, arguments: given, call_id: id } = item;
      turn.calls.push({ id, type: 'function', function: { name, arguments: given } });
    }
  }
}

function isEmpty({ reasoning = '', content, calls }: Turn): boolean {
  return reasoning === '' && content === undefined && calls.length === 0;
}

function messageOfTurn({ reasoning = '', content, calls }: Turn): object {
  return {
    role: 'assistant',
    content: content ?? (calls.length > 0 ? null : ''),
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

function messageOf(item: Exclude<Item, { type: 'reasoning' | 'function_call' }>): object {
  if (item.type === 'message') return { role: item.role, content: textOf(item) };
  const { output, call_id: id } = item;
  const content = typeof output === 'string' ? output : output.map(({ text }) => text).join('');
  return { role: 'tool', tool_call_id: id, content };
}

function textOf({ content }: MessageItem): string {
  return content.map((part) => (part.type === 'refusal' ? part.refusal : part.text)).join('');
}

/** A summary stands in for thoughts that the client does not send. */
function thoughtsOf({ content, summary }: ReasoningItem): string {
  return (content.length > 0 ? content : summary).map(({ text }) => text).join('');
}
