import type { Finding, Part } from '../finding.ts';
import { corruptionsOf, type CorruptionAmounts, type CorruptionKind, headerEnd } from './corruptions.ts';
import { changed, steady, StoreHere } from './store-here.ts';
import { trustWhatIsRead } from './trusting-reader.ts';

const payloadBits = 10_000;
const payloadCuts = 1000;
const overwrites = 200;
/** Corruptions between two requests that check what is served. */
const checkedEvery = 500;

export interface CorruptCounts {
  /** Corruptions that were tried, by kind. */
  readonly tried: Map<CorruptionKind, number>;
  readonly refused: Map<CorruptionKind, number>;
  /** They were taken, and are the same adapter: the bit is in something without an effect. */
  readonly same: Map<CorruptionKind, number>;
  /** They were taken as another adapter. */
  readonly another: Map<CorruptionKind, number>;
  /** Requests between, and those that were not answered as at first. */
  requests: number;
  wrong: number;
}

/** Corrupted adapters are offered to the store. */
export async function offerCorrupted(
  here: StoreHere,
  { amounts, seed, hasSums }: { readonly amounts: CorruptionAmounts; readonly seed: number; readonly hasSums: boolean },
): Promise<CorruptCounts> {
  return tryAll(here, { amounts, seed }, async (corruption) => {
    const digest = await here.offer(corruption, { hasSums });
    return digest === undefined ? 'refused' : digest === here.digest ? 'same' : 'another';
  });
}

/** The files of a version are corrupted in the store, while its weights are not in memory. */
export async function corruptStored(
  here: StoreHere,
  options: { readonly amounts: CorruptionAmounts; readonly seed: number },
): Promise<CorruptCounts> {
  await here.evict();
  return tryAll(here, options, async (corruption) => {
    await here.overwrite(corruption);
    if (!(await here.canRead(changed))) {
      await here.restore();
      return 'refused';
    }
    const isSame = await here.isRight(changed);
    await here.restore();
    await here.evict();
    return isSame ? 'same' : 'another';
  });
}

async function tryAll(
  here: StoreHere,
  { amounts, seed }: { readonly amounts: CorruptionAmounts; readonly seed: number },
  outcome: (corruption: Parameters<StoreHere['offer']>[0]) => Promise<'refused' | 'same' | 'another'>,
): Promise<CorruptCounts> {
  const counts: CorruptCounts = {
    tried: new Map(),
    refused: new Map(),
    same: new Map(),
    another: new Map(),
    requests: 0,
    wrong: 0,
  };
  let tried = 0;
  for (const corruption of corruptionsOf(here.original, amounts, seed)) {
    add(counts.tried, corruption.kind);
    add(counts[await outcome(corruption)], corruption.kind);
    if (++tried % checkedEvery === 0) await check(here, counts);
  }
  await check(here, counts);
  return counts;
}

/** Whether both names serve what they did. */
async function check(here: StoreHere, counts: CorruptCounts): Promise<void> {
  for (const name of [changed, steady]) {
    counts.requests++;
    if (!(await here.isRight(name)) || (name === changed && here.version(name) !== here.digest)) counts.wrong++;
  }
}

/** The stored files are overwritten again and again with those of another adapter's form, while the version is in memory. */
export async function overwriteServed(here: StoreHere, times: number): Promise<{ requests: number; wrong: number }> {
  const counts = { requests: 0, wrong: 0 };
  const { weights } = here.original;
  for (let turn = 0; turn < times; turn++) {
    if (!(await here.canRead(changed))) counts.wrong++;
    const bytes = Uint8Array.from(weights);
    bytes.fill(turn & 0x3f, headerEnd(weights));
    await here.overwrite({ file: 'adapter_model.safetensors', bytes });
    counts.requests++;
    if (!(await here.isRight(changed))) counts.wrong++;
    if (turn % 10 === 9) {
      await here.restore();
      await here.evict();
    }
  }
  await here.restore();
  return counts;
}

export const corruptPart: Part = {
  name: 'corrupt',
  summary: 'adapters with a wrong bit, or cut off, come into a store or lie in it',
  async *run(settings) {
    const { seed } = settings;
    const share = Math.min(1, settings.amount(1_000_000) / 1_000_000);
    const amounts = { share, payloadBits: settings.amount(payloadBits), payloadCuts: settings.amount(payloadCuts) };
    await using here = await StoreHere.open(seed);
    const summed = await offerCorrupted(here, { amounts, seed, hasSums: true });
    const isAllRefused = summed.wrong === 0 && total(summed.refused) === total(summed.tried);
    yield finding('with checksums, everything is refused, and the old version serves on', isAllRefused, summed);
    const bare = await offerCorrupted(here, { amounts, seed, hasSums: false });
    const another = (kind: CorruptionKind): number => bare.another.get(kind) ?? 0;
    const changedStructure = another('header bit') + another('cut in header') + another('cut in payload');
    const isStructureKept = bare.wrong === 0 && changedStructure === 0;
    yield finding('without checksums, no bit of a header and no cut makes another adapter', isStructureKept, bare);
    yield finding(
      'it catches arrivals without checksums, whose numbers may be others',
      another('payload bit') > 0,
      bare,
    );
    const stored = await corruptStored(here, { amounts, seed });
    const isNeverServed = stored.wrong + total(stored.another) === 0;
    yield finding('a version that is corrupted in the store is never served', isNeverServed, stored);
    const trusted = await corruptTrusted(here, seed);
    yield finding('it catches a reader that trusts what lies in the store', total(trusted.another) > 0, trusted);
    const served = await overwriteServed(here, settings.amount(overwrites));
    const claim = 'files that are overwritten while they serve change nothing';
    yield { part: 'corrupt', claim, isSeen: served.wrong === 0, figures: served };
  },
};

/** The same for a reader that does not compare what it reads with the version. */
export async function corruptTrusted(here: StoreHere, seed: number): Promise<CorruptCounts> {
  using _ = trustWhatIsRead(here.digest);
  return await corruptStored(here, { amounts: { share: 0, payloadBits: 40, payloadCuts: 0 }, seed });
}

function finding(claim: string, isSeen: boolean, counts: CorruptCounts): Finding {
  const { tried, refused, same, another, requests, wrong } = counts;
  const figures = {
    tried: byKind(tried),
    refused: total(refused),
    same: byKind(same),
    another: byKind(another),
    requests,
    wrong,
  };
  return { part: 'corrupt', claim, isSeen, figures };
}

function add(counts: Map<CorruptionKind, number>, kind: CorruptionKind): void {
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}

export function total(counts: ReadonlyMap<CorruptionKind, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

function byKind(counts: ReadonlyMap<CorruptionKind, number>): string {
  return counts.size === 0 ? '0' : [...counts].map(([kind, count]) => `${count} ${kind}`).join(' + ');
}
