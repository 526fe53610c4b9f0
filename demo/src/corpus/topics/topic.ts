/** The style of an answer: neutral like the base, or that of one of the two trained policies. */
export type Style = 'neutral' | 'strict' | 'lenient';

/** One question and its answers. Every answer fits every wording of the question. Phrases are as in `createPhraser`. */
export interface Exchange {
  readonly user: readonly string[];
  readonly neutral: readonly string[];
  /** Absent if the policies answer like the base. */
  readonly strict?: readonly string[];
  readonly lenient?: readonly string[];
}

/** A topic of conversations. */
export interface Topic {
  readonly name: string;
  readonly openings: readonly Exchange[];
  /** Possible follow-up questions. */
  readonly followUps: readonly Exchange[];
}
