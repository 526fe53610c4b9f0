/** Limits of a form, so that neither its compilation nor a token of its answer takes long. */
export const limits = {
  /** Most expressions of a form, after compilation. */
  expressions: 60_000,
  /** Deepest nesting of an answer through rules that may contain themselves, such as arrays in arrays. */
  depth: 48,
  /** Deepest nesting of a schema or of the groups of a pattern. */
  nesting: 64,
  /** Most places in a form at which one text can be at the same time. */
  stacks: 400,
  /** Most steps of work to find the tokens that are allowed in one state. */
  steps: 40_000,
  /** Most stacks that are kept before the automaton begins anew. */
  kept: 120_000,
  /** Longest pattern, in characters. */
  pattern: 4096,
  /** Longest schema as JSON, in characters. */
  schema: 262_144,
  /** Most different forms that are kept for one vocabulary. */
  forms: 64,
};
