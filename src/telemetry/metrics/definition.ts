/** What a series is called, and what it means. The name is the key of a table of definitions. */
export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** One sentence, as `# HELP` shows it. */
  readonly help: string;
  /** Names of the labels. Default: none. */
  readonly labels?: readonly string[];
  /** Upper bounds of a histogram, in the unit of its name. */
  readonly buckets?: readonly number[];
}

export type MetricTable = Readonly<Record<string, MetricDefinition>>;

/** The names of a table that have one kind. */
export type NamesOf<Table extends MetricTable, Kind extends MetricDefinition['kind']> = {
  [Name in keyof Table]: Table[Name]['kind'] extends Kind ? Name : never;
}[keyof Table] &
  string;

/** One value of a series, read when it is asked for. */
export interface Sample {
  /** By name, or in the text format, braces included. */
  readonly labels?: Readonly<Record<string, string>> | string;
  readonly value: number;
}
