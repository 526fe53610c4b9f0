import { notRun, quantile, type Finding, type Part, type Settings } from '../finding.ts';
import { openScratch, tinyBase } from '../root.ts';
import { closeConnections } from '../storm/client.ts';
import { measureInProcess } from './in-process.ts';
import { dropsASecond, dropsInto, loadsFrom } from './over-http.ts';
import { Variants } from './variants.ts';

const amounts = {
  moves: 10_000,
  selections: 100_000,
  requests: 10_000,
  smallDrops: 1000,
  largeDrops: 60,
  latencies: 60,
};
/** Rank of the adapter of the benchmark: 35 MB on all linear modules of its base. */
const rank = 16;
/** Times at which two builds take turns, so that other load of the machine affects both. */
const rounds = 3;

export const speedPart: Part = {
  name: 'speed',
  summary:
    'how fast names move, and what is dropped is served; with --before beside an older build, with --base for 35 MB',
  async *run(settings) {
    const { amount } = settings;
    const times = await measureInProcess({
      moves: amount(amounts.moves),
      selections: amount(amounts.selections),
      requests: amount(amounts.requests),
    });
    yield under('activation of a resident version takes less than 1 ms', times.moveMs, 1);
    const { leasesPerSecond, copiesPerSecond, activationsPerSecond, requestsPerSecond } = times;
    yield {
      part: 'speed',
      claim: 'at least 10,000 selections of another resident version a second',
      isSeen: leasesPerSecond >= 10_000 && activationsPerSecond >= 10_000,
      figures: { leasesPerSecond, activationsPerSecond, copiesPerSecond, requestsPerSecond },
    };
    yield* published({ base: tinyBase, size: 'small', count: amount(amounts.smallDrops), least: 200 }, settings);
    yield* publishedLarge(settings);
    closeConnections();
  },
};

async function* publishedLarge(settings: Settings): AsyncGenerator<Finding> {
  const { base, amount } = settings;
  if (base === undefined) {
    yield notRun('speed', 'from closed files to served for 35 MB', 'no --base was given (npm run bench:base)');
    return;
  }
  yield* published({ base, size: '35 MB', count: amount(amounts.largeDrops), least: 50 }, settings);
}

interface Publishes {
  readonly base: string;
  readonly size: string;
  readonly count: number;
  /** Publishes a second that are claimed. */
  readonly least: number;
}

async function* published({ base, size, count, least }: Publishes, settings: Settings): AsyncGenerator<Finding> {
  await using scratch = await openScratch('variants');
  const variants = await Variants.open(scratch.path, { base, rank });
  const { threads, before, amount } = settings;
  const each = Math.ceil(amount(amounts.latencies) / rounds);
  const publishing = { base, variants, threads, count: each };
  const [dropped, loaded, loadedBefore]: number[][] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    dropped?.push(...(await dropsInto(publishing)));
    loaded?.push(...(await loadsFrom(publishing)));
    if (before !== undefined) loadedBefore?.push(...(await loadsFrom({ ...publishing, build: before })));
  }
  yield {
    ...under(`from closed files to served in less than 50 ms, ${size}`, dropped ?? [], 50),
    figures: {
      megabytes: variants.megabytes,
      ...latencies('dropped', dropped ?? []),
      ...latencies('loadedByCall', loaded ?? []),
      ...(before === undefined ? {} : latencies('loadedByCallBefore', loadedBefore ?? [])),
    },
  };
  const perSecond = await dropsASecond({ base, variants, threads, count });
  const claim = `at least ${least} publishes a second, ${size}`;
  yield { part: 'speed', claim, isSeen: perSecond >= least, figures: { count, perSecond } };
}

function under(claim: string, times: readonly number[], limitMs: number): Finding {
  return { part: 'speed', claim, isSeen: quantile(times, 0.99) < limitMs, figures: latencies('', times) };
}

function latencies(name: string, times: readonly number[]): Finding['figures'] {
  const of = (word: string): string => (name === '' ? word.toLowerCase() : `${name}${word}`);
  return {
    [of('Count')]: times.length,
    [`${of('P50')}Ms`]: quantile(times, 0.5),
    [`${of('P99')}Ms`]: quantile(times, 0.99),
  };
}
