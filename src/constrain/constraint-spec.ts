/** The form that an answer should have. */
export type ConstraintSpec =
  /** JSON that a schema allows, with the properties of objects in its order. */
  | { readonly kind: 'json-schema'; readonly schema: unknown; readonly isLoose?: boolean }
  /** Any JSON object. */
  | { readonly kind: 'json-object' }
  /** A text that a regular expression matches as a whole. */
  | { readonly kind: 'regex'; readonly pattern: string }
  /** One of several texts. */
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  /** Forms and fixed texts, one after the other. */
  | { readonly kind: 'sequence'; readonly parts: readonly (ConstraintSpec | string)[] }
  /** One of several forms. */
  | { readonly kind: 'any-of'; readonly options: readonly ConstraintSpec[] }
  /** A form several times, one after the other. Without `most`, any number of times. */
  | { readonly kind: 'repeat'; readonly part: ConstraintSpec; readonly least: number; readonly most?: number }
  /** One special token, which has no text. */
  | { readonly kind: 'token'; readonly id: number };
