/** An event of a stream, without its number, which the stream counts. */
export interface ResponseEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}
