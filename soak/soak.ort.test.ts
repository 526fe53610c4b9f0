import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { corruptStored, corruptTrusted, offerCorrupted, overwriteServed, total } from './corrupt/part.ts';
import { StoreHere } from './corrupt/store-here.ts';
import { brokenWays } from './exchange/part.ts';
import { exchange } from './exchange/exchanges.ts';
import { cycle, isBack } from './residency/cycles.ts';
import { brokenResidency } from './residency/part.ts';
import { maxResident } from './residency/resident-versions.ts';
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
    const counts = await storms.run({ requests: 100, moves: 15, crossings: 40 });
    expect([counts.wrong, ...counts.problems.keys()]).toEqual([0]);
    expect(counts.crossings).toBeGreaterThanOrEqual(40);
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
    const counts = await cycle({ cycles: 60, seed });
    expect(counts).toMatchObject({ wrong: 0, residentJustBefore30s: maxResident, residentAt30s: 0 });
    expect(isBack(counts)).toBe(true);
  });

  it.each(Object.entries(brokenResidency))('catch a registry that %s', async (_, { breaking, isCaught }) => {
    expect(isCaught(await cycle({ cycles: 100, seed, breaking }))).toBe(true);
  });
});
