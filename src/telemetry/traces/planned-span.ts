/** Values of attributes, as OpenTelemetry takes them. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** A span that has ended. Times are Unix times in milliseconds, with fractions. */
export interface PlannedSpan {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly attributes: Attributes;
  /** Why it failed: a word without bound is no such reason. */
  readonly errorType?: string | undefined;
  readonly children?: readonly PlannedSpan[];
}
