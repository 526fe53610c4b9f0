import { join } from 'node:path';
import { quantile, type Part } from '../finding.ts';
import { openScratch, tinyBase } from '../root.ts';
import { startServer } from '../server-process.ts';
import { ask, closeConnections, send } from '../storm/client.ts';
import { fillStore } from './fill-store.ts';

const adapters = 1000;
const rounds = 5;
const limitMs = 2000;

export const readinessPart: Part = {
  name: 'readiness',
  summary: 'a server with 1,000 adapters in its store starts, in turns with one that has none',
  async *run(settings) {
    const count = settings.amount(adapters);
    await using scratch = await openScratch('readiness');
    const [full, empty] = [join(scratch.path, 'full'), join(scratch.path, 'empty')];
    await fillStore({ folder: scratch.path, store: full, count });
    const [withAll, withNone]: [number[], number[]] = [[], []];
    let wrong = 0;
    for (let round = 0; round < rounds; round++) {
      withNone.push((await started(empty, 0)).readyMs);
      const { readyMs, isRight } = await started(full, count);
      withAll.push(readyMs);
      if (!isRight) wrong++;
    }
    const later = quantile(withAll, 0.5) - quantile(withNone, 0.5);
    const figures = {
      adapters: count,
      readyMs: quantile(withAll, 0.5),
      readyMsWithNone: quantile(withNone, 0.5),
      laterMs: later,
      startsWithNamesMissing: wrong,
    };
    const claim = `with ${adapters} adapters a server is ready at most 2 s later`;
    yield { part: 'readiness', claim, isSeen: later <= limitMs && wrong === 0, figures };
  },
};

/** Starts a server, and asks one of its adapters. */
async function started(store: string, count: number): Promise<{ readonly readyMs: number; readonly isRight: boolean }> {
  const server = await startServer(['--base', tinyBase, '--served-name', 'base', '--store', store]);
  try {
    const { text } = await send(server.port, { method: 'GET', path: '/v1/adapters' });
    const { data } = JSON.parse(text) as {
      readonly data: readonly { readonly name: string; readonly version: string }[];
    };
    const one = data[count >> 1];
    const answer = one && (await ask(server.port, { model: one.name, prompt: [5], maxTokens: 1, isStream: false }));
    const isRight = data.length === count && answer?.problem === undefined && answer?.version === one?.version;
    return { readyMs: server.readyMs, isRight };
  } finally {
    closeConnections();
    await server.stop();
  }
}
