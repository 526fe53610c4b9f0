import { createContext, Script } from 'node:vm';

/** A pattern whose time doubles with each character needs years for such a text; others need microseconds. */
const probeLength = 32;
/** How long an attempt may take. */
const limitsMs = [50, 2000, 10_000];
/** Processor time that is enough for every pattern whose time has bounds. After an attempt that had so much, there is no other. */
const enoughMs = 700;
const commonCharacters = ['a', 'A', '0', ' ', '\n', '.', '\u4e00'];

/**
 * Refuses a pattern whose time grows without bounds, such as a repeated group that repeats what it holds: a text of a few characters would
 * hold the process for ever. Texts of one repeated character are tried, for common characters and for those of the pattern.
 *
 * @param source  a JavaScript expression for the flag v
 * @param literals  the characters that the pattern names
 * @throws RangeError
 */
export function checkPatternTime(source: string, literals: string): void {
  const characters = new Set([...commonCharacters, ...literals]);
  const texts = [...characters].slice(0, mostProbes).map((character) => `${character.repeat(probeLength)}\0`);
  const context = createContext({ source, texts });
  for (const timeout of limitsMs) {
    const before = process.cpuUsage();
    try {
      program.runInContext(context, { timeout });
      return;
    } catch (error) {
      if (!isTimeout(error)) throw error;
    }
    // WHY: on a machine that is busy elsewhere, a pattern that needs little time must not be refused.
    const { user, system } = process.cpuUsage(before);
    if (user + system > 1000 * enoughMs) break;
  }
  throw new RangeError(`it takes too long on a text of ${probeLength} characters`);
}

const mostProbes = 64;

const program = new Script("{ const pattern = new RegExp(source, 'v'); for (const text of texts) pattern.test(text) }");

/** WHY not `instanceof`: the error belongs to the context that was stopped. */
export function isTimeout(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}
