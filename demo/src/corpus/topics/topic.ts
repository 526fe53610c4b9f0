/** How an assistant answers: as the base does, or by one of the two policies that the demo trains. */
export type Style = 'neutral' | 'strict' | 'lenient';

/** One question and its answers; any answer fits any wording of the question. Phrases as in `createPhraser`. */
export interface Exchange {
  readonly user: readonly string[];
  readonly neutral: readonly string[];
  /** Absent where the policies have no say: they then answer as the base does. */
  readonly strict?: readonly string[];
  readonly lenient?: readonly string[];
}

/** Something that people talk about. */
export interface Topic {
  readonly name: string;
  readonly openings: readonly Exchange[];
  /** What may be asked afterwards. */
  readonly followUps: readonly Exchange[];
}
