import { EspalierError } from '../../core/index.ts';
import { FieldProblem, readMessages } from '../../chat/index.ts';
import type { ChatMessage } from '../../tokenizer/index.ts';
import { findOrphan } from './check-calls.ts';
import type { InputItem, Item } from './items.ts';
import { messagesOf } from './messages-of.ts';
import type { ResponseStore } from './store/response-store.ts';

/** The part of a request that says what the conversation is. */
export interface ConversationBody {
  readonly input: readonly InputItem[];
  readonly instructions?: string | null | undefined;
  readonly previous_response_id?: string | null | undefined;
}

export interface Conversation {
  readonly messages: readonly ChatMessage[];
  /** The items of the request, with those that it refers to in their places. */
  readonly input: readonly Item[];
  /** Names a place in the messages as the client knows it. */
  readonly paramOf: (path: readonly (string | number)[]) => string;
}

/**
 * Gathers the conversation of a request: the instructions, what the response before it holds, and its own items.
 *
 * @param owner  whose responses it may go on from and refer to
 * @throws EspalierError PREVIOUS_RESPONSE_NOT_FOUND, RESPONSE_ITEM_NOT_FOUND; REQUEST_INVALID for what is twice in the conversation, for
 *   a result without a call, and for what is no message
 */
export function conversationOf(body: ConversationBody, store: ResponseStore, owner: string): Conversation {
  const { instructions, previous_response_id: previous } = body;
  const history = historyOf(previous ?? undefined, store, owner);
  const input = body.input.map((item): Item => {
    const found = item.type === 'item_reference' ? store.findItem(owner, item.id) : item;
    if (found === undefined) throw new EspalierError('RESPONSE_ITEM_NOT_FOUND', { id: item.id, param: 'input' });
    return found;
  });
  assertOnce(history, input);
  const items = [...history, ...input];
  const orphan = findOrphan(items);
  if (orphan !== undefined) throw invalid(placeOf(orphan.path, history.length), orphan.problem);
  const translated = messagesOf(items);
  const begin = instructions === undefined || instructions === null ? [] : [{ role: 'system', content: instructions }];
  const places = [...begin.map(() => -1), ...translated.places];
  const paramOf = (path: readonly (string | number)[]): string => paramFor(path, places, history.length);
  const read = readMessages([...begin, ...translated.messages]);
  if (read instanceof FieldProblem) throw invalid(paramOf(['messages', ...read.path]), read.problem);
  return { messages: read.messages, input, paramOf };
}

function historyOf(id: string | undefined, store: ResponseStore, owner: string): readonly Item[] {
  if (id === undefined) return [];
  const found = store.find(owner, id);
  if (found === undefined) {
    throw new EspalierError('PREVIOUS_RESPONSE_NOT_FOUND', { id, param: 'previous_response_id' });
  }
  return found.history();
}

/** WHY: a client that sends the whole conversation beside the id of its last response would have all of it twice. */
function assertOnce(history: readonly Item[], input: readonly Item[]): void {
  const known = new Set(history.map(({ id }) => id));
  const twice = input.findIndex(({ id }) => known.has(id));
  if (twice < 0) return;
  const problem =
    'the response before it holds this item already; send the new items alone, or no previous_response_id';
  throw invalid(`input.${twice}.id`, problem);
}

/** Where an item of the conversation stands in the request. */
function placeOf([place, ...rest]: readonly (string | number)[], before: number): string {
  const at = Number(place) - before;
  return at < 0 ? 'previous_response_id' : ['input', at, ...rest].join('.');
}

/** Where a part of a message stands in the request. Fields of messages are not those of items. */
function paramFor(path: readonly (string | number)[], places: readonly number[], before: number): string {
  const [first, index] = path;
  if (first !== 'messages') return path.join('.');
  const place = typeof index === 'number' ? places[index] : undefined;
  if (place === undefined) return 'input';
  return place < 0 ? 'instructions' : placeOf([place], before);
}

function invalid(param: string, problem: string): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param, problem });
}
