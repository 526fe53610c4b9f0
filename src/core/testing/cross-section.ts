/** Whether every case is tested: in CI, and wherever ESPALIER_SLOW_TESTS is set. */
export const isThorough = process.env['ESPALIER_SLOW_TESTS'] !== undefined;

/**
 * Cases of one kind, of which there are too many for each run of `npm test`: all of them where every case is tested, and otherwise one
 * of `every`, beginning with number `first`. Tests of the same cases begin at different ones, so that together they meet nearly all.
 */
export function crossSection<Case>(cases: readonly Case[], every: number, first = 0): readonly Case[] {
  return isThorough ? cases : cases.filter((_, number) => number % every === first % every);
}
