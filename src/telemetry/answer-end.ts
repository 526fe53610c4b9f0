/** How the answer to a request of HTTP ended. */
export interface AnswerEnd {
  /** undefined: nothing of it was sent. */
  readonly status: number | undefined;
  /** Whether all of it was sent. If not, the caller left, or the connection was cut. */
  readonly isWhole: boolean;
}
