import type { FormatName } from './formats/row-formats.ts';

/** Counts of the rows of a training. */
export interface DataAccount {
  readonly rows: number;
  /** Examples. A row is one, or one for each of its answers. */
  readonly examples: number;
  /** Tokens of the examples, after cutting. */
  readonly tokens: number;
  /** Tokens that count in the loss, after cutting. */
  readonly supervisedTokens: number;
  /** Rows that were dropped because none of their tokens counts in the loss. */
  readonly dropped: number;
  /** Examples that were cut to the maximum length. */
  readonly truncated: number;
  /** Answers that are not learned because the chat template renders them otherwise once others follow. */
  readonly passedOver: number;
  /** Conversations in which nothing is learned that ends an answer, so that answers would not end by themselves. */
  readonly withoutEnd: number;
  /** How many rows have each format; empty where rows have labels. */
  readonly formats: Partial<Readonly<Record<FormatName, number>>>;
  /** Fields of which nothing is learned, since no format has them. */
  readonly unknownFields: readonly UnknownField[];
}

export interface UnknownField {
  readonly field: string;
  /** How many rows have it. */
  readonly rows: number;
  /** The first place with it. */
  readonly first: string;
}
