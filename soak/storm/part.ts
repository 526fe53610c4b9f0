import { join } from 'node:path';
import { quantile, type Finding, type Part, type Settings } from '../finding.ts';
import { openScratch, tinyBase } from '../root.ts';
import { startServer } from '../server-process.ts';
import { brokenServers } from './broken-servers.ts';
import { closeConnections } from './client.ts';
import { drop, type Folders, point } from './moves.ts';
import { openOracle, writeVersions, type Oracle } from './oracle.ts';
import { serveHere } from './served-here.ts';
import { Storm, StormCounts } from './storm.ts';

const amounts = { requests: 500_000, moves: 10_000, crossings: 100_000 };
/** With fewer, a broken variant might not be caught. */
export const brokenAmounts: Goal = { requests: 60, moves: 8, crossings: 10 };
/** Most clients stream, so that each move is crossed by many. All have a slot. */
const clients = { streams: 18, whole: 6 };
/** Times at which calm and storm take turns, so that other load of the machine affects both. */
const rounds = 20;
/** Requests without moves, for each request with them. */
const calmShare = 0.2;

export const stormPart: Part = {
  name: 'storm',
  summary: 'requests over HTTP to one name while it moves between six versions',
  async *run(settings) {
    await using scratch = await openScratch('storm');
    const folders = foldersIn(scratch.path);
    const names = await writeVersions(folders.made, settings.seed);
    const words = ['--base', tinyBase, '--served-name', 'base', '--store', folders.store, '--max-slots', '24'];
    const server = await startServer(words);
    try {
      await dropAll(server.port, names, folders);
      yield* storm(server.port, { names, folders }, settings);
    } finally {
      closeConnections();
      await server.stop();
    }
    yield* stormsOfBroken(settings.seed);
  },
};

function foldersIn(path: string): Folders {
  return { made: join(path, 'made'), store: join(path, 'store') };
}

/** Serves each version under its own name. */
async function dropAll(port: number, names: readonly string[], folders: Folders): Promise<void> {
  for (const name of names) {
    const problem = await drop(port, { ...folders, from: name, name });
    if (problem !== undefined) throw new Error(problem);
  }
}

interface Dropped {
  readonly names: readonly string[];
  readonly folders: Folders;
}

async function* storm(port: number, { names, folders }: Dropped, settings: Settings): AsyncGenerator<Finding> {
  const oracle = await openOracle(port, names, settings.seed);
  const [calm, stormy] = [new StormCounts(), new StormCounts()];
  const each = (full: number): number => Math.ceil(settings.amount(full) / rounds);
  const load = { port, oracle, folders, clients, seed: settings.seed };
  const began = performance.now();
  let version = await begin(port, oracle);
  await new Storm(
    { ...load, requests: each(amounts.requests * 0.05), moves: 0, crossings: 0 },
    new StormCounts(),
    version,
  ).run();
  for (let round = 0; round < rounds; round++) {
    const requests = each(amounts.requests);
    await new Storm(
      { ...load, requests: Math.ceil(requests * calmShare), moves: 0, crossings: 0 },
      calm,
      version,
    ).run();
    const goal = { requests, moves: each(amounts.moves), crossings: each(amounts.crossings) };
    version = await new Storm({ ...load, ...goal }, stormy, version).run();
  }
  yield seen(stormy, performance.now() - began);
  const [ours, without] = [quantile(stormy.streamMs, 0.99), quantile(calm.streamMs, 0.99)];
  const [whole, wholeWithout] = [quantile(stormy.wholeMs, 0.99), quantile(calm.wholeMs, 0.99)];
  yield {
    part: 'storm',
    claim: 'the 99th percentile of the latency is at most 1.1 times that without moves',
    isSeen: calm.wrong === 0 && ours <= 1.1 * without && whole <= 1.1 * wholeWithout,
    figures: {
      calmRequests: calm.requests,
      streamP99Ms: ours,
      streamP99MsCalm: without,
      streamRatio: ours / without,
      wholeP99Ms: whole,
      wholeP99MsCalm: wholeWithout,
      wholeRatio: whole / wholeWithout,
    },
  };
}

function seen(counts: StormCounts, ms: number): Finding {
  const { requests, streams, crossings, moves, failed, mixed, torn, stale, failedMoves, pointMs, dropMs } = counts;
  return {
    part: 'storm',
    claim: 'no request fails, is mixed, torn or stale while its name moves',
    isSeen: counts.wrong === 0,
    figures: {
      requests,
      streams,
      crossings,
      moves,
      failed,
      mixed,
      torn,
      stale,
      failedMoves,
      pointP50Ms: quantile(pointMs, 0.5),
      pointP99Ms: quantile(pointMs, 0.99),
      dropP50Ms: quantile(dropMs, 0.5),
      requestsPerSecond: (1000 * requests) / ms,
      problems: [...counts.problems].map(([problem, count]) => `${count} x ${problem}`).join('; ') || 'none',
    },
  };
}

/** Gives the name its first version. */
async function begin(port: number, { versions }: Oracle): Promise<string> {
  const [first] = versions;
  const problem = first === undefined ? 'there are no versions' : await point(port, first.digest);
  if (first === undefined || problem !== undefined) throw new Error(problem);
  return first.digest;
}

export interface Goal {
  readonly requests: number;
  readonly moves: number;
  readonly crossings: number;
}

/** Storms over servers in this process. They share a store, in which all versions are. */
export interface StormsHere extends AsyncDisposable {
  /** @param broken  what is wrong with the server; undefined: nothing */
  run(goal: Goal, broken?: string): Promise<StormCounts>;
}

export async function openStormsHere(seed: number): Promise<StormsHere> {
  const scratch = await openScratch('storm');
  const folders = foldersIn(scratch.path);
  const names = await writeVersions(folders.made, seed);
  const oracle = await oracleOf({ names, folders }, seed);
  return {
    async run(goal, broken) {
      const change = broken === undefined ? undefined : brokenServers[broken];
      await using server = await serveHere({ store: folders.store, change });
      const counts = new StormCounts();
      const options = { port: server.port, oracle, folders, seed, clients, ...goal };
      await new Storm(options, counts, await begin(server.port, oracle)).run();
      return counts;
    },
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

/** WHY of a server of its own: a broken one would give wrong answers to compare with. It leaves the versions in the store. */
async function oracleOf({ names, folders }: Dropped, seed: number): Promise<Oracle> {
  await using server = await serveHere({ store: folders.store });
  await dropAll(server.port, names, folders);
  return await openOracle(server.port, names, seed);
}

/** Each broken server, with moves and without: only the moves must show what is wrong with it. */
async function* stormsOfBroken(seed: number): AsyncGenerator<Finding> {
  await using storms = await openStormsHere(seed);
  for (const broken of Object.keys(brokenServers)) {
    const calm = await storms.run({ ...brokenAmounts, moves: 0, crossings: 0 }, broken);
    const counts = await storms.run(brokenAmounts, broken);
    const { requests, moves, mixed } = counts;
    yield {
      part: 'storm',
      claim: `it catches a server that ${broken}`,
      isSeen: mixed > 0 && calm.wrong === 0,
      figures: { requests, moves, mixed, wrongWithoutMoves: calm.wrong },
    };
  }
}
