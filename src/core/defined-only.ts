type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** An object without its fields that are undefined, so that spread over defaults it hides none. */
export function definedOnly<T extends object>(options: T): Defined<T> {
  // WHY `as`: filtering entries loses the type.
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<T>;
}
