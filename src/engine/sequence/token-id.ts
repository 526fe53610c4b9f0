/** Graphs and samplers hold token ids as signed integers of 32 bits. */
const largest = 2 ** 31 - 1;

/** Whether a value can be the id of a token in some vocabulary. */
export function isTokenId(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= largest;
}

/**
 * Reads a token id that is the name of an object's member, as in `logit_bias`.
 * @returns undefined for a text that is not an id in decimal digits. WHY not by `Number`: it reads 0 from an empty text
 */
export function parseTokenId(text: string): number | undefined {
  const id = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  return isTokenId(id) ? id : undefined;
}
