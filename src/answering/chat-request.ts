import type { Fields, TemplateVariables, Tool } from '../chat/index.ts';
import type { AskedForm } from './asked-form.ts';
import type { ChatMessage } from '../tokenizer/index.ts';
import type { AskedModel } from './asked-model.ts';
import type { LengthLimit } from './answer-length.ts';
import type { Drawing } from './drawing.ts';

/** Whether and which tools an answer calls: as the model likes, none, one at least, or the one of this name. */
export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string };

/** What a request wishes of the thoughts of an answer. */
export interface ReasoningWishes {
  /** The effort, in the words of the template; 'none': no thoughts. undefined: as the template has it. */
  readonly effort: string | undefined;
  /** Whether thoughts are no part of the answer's text. Default: they are none. */
  readonly isApart?: boolean;
  /** Whether the client gets thoughts that are apart. */
  readonly isShown: boolean;
}

/**
 * A turn of a chat that is asked for, whatever the API that it came by. Each API translates its body to this form, and
 * `answerChat` answers it.
 */
export interface ChatRequest extends AskedModel {
  readonly messages: readonly ChatMessage[];
  /** undefined: none. */
  readonly tools: readonly Tool[] | undefined;
  readonly toolChoice: ToolChoice;
  /** Whether one answer may call several tools. */
  readonly parallelToolCalls: boolean;
  /** Values for the chat template, by their names in it. */
  readonly variables: TemplateVariables | undefined;
  /** Texts to answer from, for templates that read them. */
  readonly documents: readonly Fields[] | undefined;
  readonly reasoning: ReasoningWishes;
  /** The form that the text of the answer must have. undefined: any. */
  readonly constraint?: AskedForm | undefined;
  readonly drawing: Drawing;
  readonly length: LengthLimit;
  /** Whether the oldest turns are left away where the context cannot hold them. Default: such a conversation is refused. */
  readonly leavesOldTurns?: boolean;
  readonly isStreamed: boolean;
  /**
   * Names a place of this request in errors, as the client calls it.
   * @param path  fields and indices, such as `['messages', 2, 'content']`. Default: they are joined with dots.
   */
  readonly paramOf?: (path: readonly (string | number)[]) => string;
}

/** The tools that the answer may call. undefined: none. */
export function offeredTools({ tools, toolChoice }: Pick<ChatRequest, 'tools' | 'toolChoice'>): ChatRequest['tools'] {
  return toolChoice === 'none' ? undefined : tools;
}
