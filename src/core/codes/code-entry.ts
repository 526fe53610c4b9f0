/** One row of the error table. It holds the message for the caller and the explanation for the documentation. */
export interface CodeEntry {
  /** HTTP status with which a server answers. */
  readonly status: number;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Says what was expected, what was given and what to do. `{name}` is replaced by the detail, `{option:name}` by the name of an option. */
  readonly message: string;
  /** One or two sentences for `docs/errors.md`. They say when the error occurs and what is still usable. */
  readonly help: string;
}
