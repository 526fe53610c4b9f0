/** One row of the error table: what a caller is told, and what to do about it. */
export interface CodeEntry {
  /** HTTP status with which a server answers. */
  readonly status: number;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** What was expected, what came, what to do. `{name}` is filled from the details, `{option:name}` is the name of an option. */
  readonly message: string;
  /** One or two sentences for the page of documentation: when it happens, and what is still usable. */
  readonly help: string;
}
