import type { PreparedAdapter } from '../../src/engine/adapters/prepared-adapter.ts';
import type { Finding, Part } from '../finding.ts';
import { cycle, isBack, type ResidencyCounts } from './cycles.ts';
import { maxResident, type Breaking } from './resident-versions.ts';

const cycles = 10_000;
const brokenCycles = 200;

/** Ways in which residency can be wrong, each with what shows it. */
export const brokenResidency: Readonly<
  Record<string, { readonly breaking: Breaking; isCaught(counts: ResidencyCounts): boolean }>
> = {
  'releases weights that are still used': { breaking: releasesTooEarly, isCaught: ({ wrong }) => wrong > 0 },
  'never gives memory back': { breaking: neverFrees, isCaught: (counts) => !isBack(counts) },
};

export const residencyPart: Part = {
  name: 'residency',
  summary:
    'versions are plugged and unplugged, with 64 resident; the time is injected, and what is released is poisoned',
  async *run(settings) {
    const { seed } = settings;
    const counts = await cycle({ cycles: settings.amount(cycles), seed });
    const { wrong, answers, mostResident, residentJustBefore30s, residentAt30s } = counts;
    yield finding('nothing is used after its release', wrong === 0, { cycles: counts.cycles, answers, wrong });
    yield finding(
      '64 versions are resident, and are released 30 s after their last use',
      mostResident === maxResident && residentJustBefore30s === maxResident && residentAt30s === 0,
      { mostResident, residentJustBefore30s, residentAt30s },
    );
    yield finding('the memory is back within 5 % or 32 MB', isBack(counts), memoryOf(counts));
    for (const [broken, { breaking, isCaught }] of Object.entries(brokenResidency)) {
      const seen = await cycle({ cycles: brokenCycles, seed, breaking });
      yield finding(`it catches a registry that ${broken}`, isCaught(seen), { wrong: seen.wrong, ...memoryOf(seen) });
    }
  },
};

function finding(claim: string, isSeen: boolean, figures: Finding['figures']): Finding {
  return { part: 'residency', claim, isSeen, figures };
}

function memoryOf({ beforeMb, residentMb, afterMb, versionMb }: ResidencyCounts): Finding['figures'] {
  return { beforeMb, residentMb, afterMb, versionMb };
}

/** Each seventh version is freed as soon as it was read, whoever holds it. */
function releasesTooEarly(arena: Parameters<Breaking>[0]): ReturnType<Breaking> {
  let count = 0;
  return withPrepare(arena, (weights) => {
    if (++count % 7 === 0) weights.dispose();
    return weights;
  });
}

/** Weights stay in memory until the end. */
function neverFrees(arena: Parameters<Breaking>[0]): ReturnType<Breaking> {
  return withPrepare(arena, (weights) => ({ ...weights, dispose: () => undefined }));
}

/** The arena, with what it prepares changed. In the end everything is freed. */
function withPrepare(
  arena: Parameters<Breaking>[0],
  change: (weights: PreparedAdapter) => PreparedAdapter,
): ReturnType<Breaking> {
  const all: PreparedAdapter[] = [];
  return {
    check: (name, adapter) => arena.check(name, adapter),
    forget: (digest) => arena.forget(digest),
    async prepare(name, adapter) {
      const weights = await arena.prepare(name, adapter);
      all.push(weights);
      return change(weights);
    },
    [Symbol.dispose]: () => {
      for (const weights of all) weights.dispose();
    },
  };
}
