import type { Piece, Usage, WholePiece } from '../../answering/index.ts';

/** What is known of an answer when it begins. */
export interface AnswerHead {
  /** A new UUID. Formats put the prefix of their API in front. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  /** The name that the request gave. */
  readonly model: string;
  /** The version of the adapter; undefined: the base answers. */
  readonly version: string | undefined;
  /** The field that names the adapter and its version. Empty if the base answers. */
  readonly answeredBy: object;
  readonly promptTokens: number;
}

/** A server-sent event. A text is sent as it is, a value as JSON. */
export interface StreamEvent {
  /** Absent: an event without a name, as OpenAI's older APIs send them. */
  readonly name?: string;
  /** By which a client goes on after this event. */
  readonly id?: string;
  readonly data: object | string;
}

/**
 * How the API of a route writes an answer. One is made for each answer, so it may keep what it has sent. Of a stream `begin` is called
 * before the first `piece` of each choice, and `end` or `failed` last.
 */
export interface AnswerFormat {
  /** Takes each piece of a whole answer as it comes, before `whole`: for formats that keep the order of words, thoughts and calls. */
  gather?(index: number, piece: Piece): void;
  /** The whole answer as one object. */
  whole(choices: readonly WholePiece[], usage: Usage): object;
  /** What is sent before the first token of a choice, as soon as the stream is open. */
  begin(index: number): readonly StreamEvent[];
  piece(index: number, piece: Piece): readonly StreamEvent[];
  end(usage: Usage): readonly StreamEvent[];
  /**
   * What is sent in place of the rest.
   * @param error  as the client may read it
   */
  failed(error: unknown): readonly StreamEvent[];
}
