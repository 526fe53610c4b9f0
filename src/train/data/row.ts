import type { Conversation, TemplateVariables } from '../../chat/index.ts';
import { EspalierError } from '../../core/index.ts';

/** A row of a file, by its kind. Several formats become the same kind. */
export type Row = TextRow | CompletionRow | MessagesRow | TokensRow;

export interface TextRow {
  readonly kind: 'text';
  readonly text: string;
}

export interface CompletionRow {
  readonly kind: 'completion';
  readonly prompt: string;
  readonly completion: string;
}

/** A conversation whose assistant is learned. */
export interface MessagesRow extends Conversation {
  readonly kind: 'messages';
  /** Whether each message is learned, where it says so; undefined where it does not. */
  readonly learned?: readonly (boolean | undefined)[];
  /** Further values for the chat template. */
  readonly variables?: TemplateVariables;
  /** What stands for it where the base has no chat template. */
  readonly plain?: Omit<CompletionRow, 'kind'>;
}

export interface TokensRow {
  readonly kind: 'tokens';
  readonly inputIds: readonly number[];
  readonly labels?: readonly number[];
}

/** Where a row stands, for error messages. */
export interface RowPlace {
  readonly path: string;
  /** What is counted: lines of a text, or rows where a row may have any number of lines. */
  readonly unit: 'line' | 'row';
  /** Counted from 1. */
  readonly line: number;
}

export function invalid(place: RowPlace, problem: string, cause?: unknown): EspalierError {
  return new EspalierError('DATA_ROW_INVALID', { ...place, problem }, cause === undefined ? {} : { cause });
}
