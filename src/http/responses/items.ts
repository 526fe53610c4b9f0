/**
 * The items of the Responses API, in the form that the API sends and takes. The same objects are kept in the store, listed as input
 * items, and read as the history of a later request.
 *
 * @see OpenAI's API reference, Responses
 */

/** How far an item was written. What a client sends is complete. */
export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

export interface InputText {
  readonly type: 'input_text';
  readonly text: string;
}

export interface OutputText {
  readonly type: 'output_text';
  readonly text: string;
  /** Citations, which are never made here. Clients require the list. */
  readonly annotations: readonly object[];
  /** Absent: not asked for. */
  readonly logprobs?: readonly object[];
}

/** Words with which a model refuses. Clients may send them; they are never told apart from a text here. */
export interface RefusalText {
  readonly type: 'refusal';
  readonly refusal: string;
}

export type ContentPart = InputText | OutputText | RefusalText;

export type MessageRole = 'user' | 'assistant' | 'system' | 'developer';

export interface MessageItem {
  readonly type: 'message';
  readonly id: string;
  readonly role: MessageRole;
  readonly status: ItemStatus;
  readonly content: readonly ContentPart[];
}

export interface FunctionCallItem {
  readonly type: 'function_call';
  readonly id: string;
  /** By which its output refers to it. */
  readonly call_id: string;
  readonly name: string;
  /** A JSON text. */
  readonly arguments: string;
  readonly status: ItemStatus;
}

export interface FunctionOutputItem {
  readonly type: 'function_call_output';
  readonly id: string;
  readonly call_id: string;
  readonly output: string | readonly InputText[];
  readonly status: ItemStatus;
}

export interface ReasoningItem {
  readonly type: 'reasoning';
  readonly id: string;
  /** Always empty in answers: thoughts are given as they are. */
  readonly summary: readonly { readonly type: 'summary_text'; readonly text: string }[];
  readonly content: readonly { readonly type: 'reasoning_text'; readonly text: string }[];
  /** The thoughts once more, for clients that send back nothing else. */
  readonly encrypted_content?: string;
  readonly status: ItemStatus;
}

export type Item = MessageItem | FunctionCallItem | FunctionOutputItem | ReasoningItem;

/** An item that the model writes. */
export type OutputItem = MessageItem | FunctionCallItem | ReasoningItem;

/** An item of an earlier response, by its id. */
export interface ItemReference {
  readonly type: 'item_reference';
  readonly id: string;
}

/** What a client sends in `input`. */
export type InputItem = Item | ItemReference;
