/** A field that would change the answer and that Espalier does not support. */
export interface RefusedField {
  /** Values that change nothing. null, an empty list and an empty object are always neutral. */
  readonly neutral: readonly unknown[];
  /** The reason, and what a client can do instead. */
  readonly problem: string;
}
