import type { Finding, Part } from '../finding.ts';
import { exchange, type ExchangeCounts, type ExchangeOptions } from './exchanges.ts';

const amounts = { exchanges: 1_000_000, reads: 10_000_000 };
/** Enough for each wrong way to be seen many times. */
const brokenAmounts = { exchanges: 2000, reads: 20_000 };

/** Ways that are wrong, and what shows it. */
export const brokenWays: readonly (Pick<ExchangeOptions, 'writer' | 'way'> & {
  readonly what: string;
  readonly shows: 'mixed' | 'missing';
})[] = [
  {
    what: 'a writer that removes the link and makes another',
    writer: 'removes the link and makes another',
    way: 'descriptor',
    shows: 'missing',
  },
  {
    what: 'a writer that writes the files in place',
    writer: 'writes the files in place',
    way: 'descriptor',
    shows: 'mixed',
  },
  { what: 'a reader that follows the link for each file', writer: 'exchanges two links', way: 'path', shows: 'mixed' },
];

export const exchangePart: Part = {
  name: 'exchange',
  summary: 'two threads read both files of a name while its link is exchanged by renameat2',
  async *run(settings) {
    const goal = { exchanges: settings.amount(amounts.exchanges), reads: settings.amount(amounts.reads) };
    const began = performance.now();
    const counts = await exchange({ ...goal, writer: 'exchanges two links', way: 'descriptor' });
    const seconds = (performance.now() - began) / 1000;
    const wrong = counts.mixed + counts.torn + counts.missing;
    yield {
      ...found(counts),
      claim: 'no read finds a mixture, a part or nothing',
      isSeen: wrong === 0,
      figures: { ...counts, seconds },
    };
    for (const { what, shows, ...ways } of brokenWays) {
      const broken = await exchange({ ...brokenAmounts, ...ways });
      yield { ...found(broken), claim: `it catches ${what}`, isSeen: broken[shows] > 0 };
    }
  },
};

function found(counts: ExchangeCounts): Pick<Finding, 'part' | 'figures'> {
  return { part: 'exchange', figures: { ...counts } };
}
