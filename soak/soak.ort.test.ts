import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { corruptStored, corruptTrusted, offerCorrupted, overwriteServed, total } from './corrupt/part.ts';
import { StoreHere } from './corrupt/store-here.ts';
import { defects, harmless } from './defects/candidates.ts';
import { brokenRollouts, isRolledBack, plans } from './defects/part.ts';
import { RolloutsHere } from './defects/rollouts-here.ts';
import { brokenWays } from './exchange/part.ts';
import { leaveAtRandom } from './disconnects/disconnects.ts';
import { exchange } from './exchange/exchanges.ts';
import { cycle, isBack } from './residency/cycles.ts';
import { brokenResidency } from './residency/part.ts';
import { maxResident } from './residency/resident-versions.ts';
import { quantile } from './finding.ts';
import { fillStore } from './readiness/fill-store.ts';
import { openScratch } from './root.ts';
import { measureInProcess } from './speed/in-process.ts';
import { send } from './storm/client.ts';
import { serveHere } from './storm/served-here.ts';
import { brokenServers } from './storm/broken-servers.ts';
import { brokenAmounts, openStormsHere, type StormsHere } from './storm/part.ts';

/** A small part of what `npm run soak` does, always the same. */
const seed = 1;
const isLinux = process.platform === 'linux';

describe('a storm of requests while their name moves', () => {
  let storms: StormsHere;
  beforeAll(async () => {
    storms = await openStormsHere(seed);
  });
  afterAll(() => storms[Symbol.asyncDispose]());

  it('fails no request, and mixes and cuts off no answer', async () => {
    const counts = await storms.run({ requests: 60, moves: 10, crossings: 20 });
    expect([counts.wrong, ...counts.problems.keys()]).toEqual([0]);
    expect(counts.crossings).toBeGreaterThanOrEqual(20);
  });

  it.each(Object.keys(brokenServers))('catches a server that %s', async (broken) => {
    const counts = await storms.run(brokenAmounts, broken);
    expect(counts.mixed).toBeGreaterThan(0);
  });
});

describe.skipIf(!isLinux)('reads of a name whose link is exchanged', () => {
  const goal = { exchanges: 300, reads: 3000 };

  it('find no mixture, no part, and never nothing', async () => {
    const counts = await exchange({ ...goal, writer: 'exchanges two links', way: 'descriptor' });
    expect(counts).toMatchObject({ mixed: 0, torn: 0, missing: 0 });
    expect(counts.exchanges).toBeGreaterThanOrEqual(goal.exchanges);
  });

  it.each(brokenWays)('catch $what', async ({ shows, ...ways }) => {
    const counts = await exchange({ ...goal, ...ways });
    expect(counts[shows]).toBeGreaterThan(0);
  });
});

describe('clients that leave at random times', () => {
  it('leave no slot, lease or handle behind', async () => {
    const counts = await leaveAtRandom({ requests: 60, seed });
    expect(counts).toMatchObject({ failed: 0, slots: 0, leases: 0, handles: 0 });
    expect(counts.left).toBeGreaterThan(0);
  });

  it('are seen where a lease stays behind', async () => {
    const { leases } = await leaveAtRandom({ requests: 60, seed, keepsLeases: true });
    expect(leases).toBeGreaterThan(0);
  });
});

describe('adapters that are corrupted', () => {
  const amounts = { share: 0.004, payloadBits: 10, payloadCuts: 3 };
  let here: StoreHere;
  beforeAll(async () => {
    here = await StoreHere.open(seed);
  });
  afterAll(() => here[Symbol.asyncDispose]());

  it('are refused if checksums come with them, and the old version serves on', async () => {
    const { tried, refused, wrong } = await offerCorrupted(here, { amounts, seed, hasSums: true });
    expect([total(refused), wrong]).toEqual([total(tried), 0]);
    expect(total(tried)).toBeGreaterThan(30);
  });

  it('are taken without checksums where only a number is another', async () => {
    const { another } = await offerCorrupted(here, { amounts, seed, hasSums: false });
    expect([...another.keys()]).toEqual(['payload bit']);
  });

  it('are never served from the store', async () => {
    const { refused, another, wrong } = await corruptStored(here, { amounts, seed });
    expect([total(another), wrong]).toEqual([0, 0]);
    expect(total(refused)).toBeGreaterThan(20);
  });

  it('are seen to be served by a reader that trusts what lies in the store', async () => {
    expect(total((await corruptTrusted(here, seed)).another)).toBeGreaterThan(0);
  });

  it('change nothing when they overwrite the files of a version that serves', async () => {
    expect(await overwriteServed(here, 11)).toEqual({ requests: 11, wrong: 0 });
  });
});

describe.skipIf(!isLinux)('versions that are plugged and unplugged', () => {
  it('are released after 30 s, and never used afterwards', async () => {
    const counts = await cycle({ cycles: 40, seed });
    expect(counts).toMatchObject({ wrong: 0, residentJustBefore30s: maxResident, residentAt30s: 0 });
    expect(isBack(counts)).toBe(true);
  });

  it.each(Object.entries(brokenResidency))('catch a registry that %s', async (_, { breaking, isCaught }) => {
    expect(isCaught(await cycle({ cycles: 120, seed, breaking }))).toBe(true);
  });
});

describe('a server whose store has adapters', () => {
  it('serves all their names at its start, and reads none of them', async () => {
    await using scratch = await openScratch('readiness');
    const store = join(scratch.path, 'store');
    await fillStore({ folder: scratch.path, store, count: 12 });
    await using server = await serveHere({ store });
    const { text } = await send(server.port, { method: 'GET', path: '/v1/adapters' });
    const { data } = JSON.parse(text) as { data: { state: string; resident: boolean }[] };
    expect(data).toHaveLength(12);
    expect(data.filter(({ state, resident }) => state === 'failed' || resident)).toEqual([]);
  });
});

describe('candidates with a planted defect', () => {
  const atOnce = plans['a third of the users at once'] ?? {};

  it('are rolled back, and no user sees a failure', async () => {
    await using here = await RolloutsHere.open(seed);
    for (const name of ['throws in 60 % of calls', 'has NaN in 20 % of calls', 'is of another base']) {
      const tried = await here.try(defects[name] ?? harmless, atOnce);
      expect([name, isRolledBack(tried), tried.failures]).toEqual([name, true, []]);
    }
  });

  it('are seen by users of a server that has no fall-back', async () => {
    const wrong = brokenRollouts['gives users what a candidate fails to answer'];
    if (wrong === undefined) throw new RangeError('there is no such variant');
    await using here = await RolloutsHere.open(seed, wrong.change);
    const tried = await here.try(wrong.candidate, wrong.rollout);
    expect([isRolledBack(tried), tried.failures.length > 0]).toEqual([false, true]);
  });
});

describe('the speed of moves', () => {
  it('is that of pointers, not of copies', async () => {
    const { moveMs, leasesPerSecond } = await measureInProcess({ moves: 200, selections: 500, requests: 20 });
    expect(quantile(moveMs, 0.5)).toBeLessThan(1);
    expect(leasesPerSecond).toBeGreaterThan(1000);
  });
});
