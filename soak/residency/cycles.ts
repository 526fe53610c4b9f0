import { createRandom } from '../../src/core/index.ts';
import { residentBytes } from './memory.ts';
import { type Breaking, idleMs, maxResident, ResidentVersions } from './resident-versions.ts';

export interface ResidencyOptions {
  readonly cycles: number;
  readonly seed: number;
  readonly breaking?: Breaking | undefined;
}

export interface ResidencyCounts {
  readonly cycles: number;
  readonly answers: number;
  /** Answers that a version did not give at first, or that failed. */
  readonly wrong: number;
  /** Most versions that were resident at once. */
  readonly mostResident: number;
  readonly residentJustBefore30s: number;
  readonly residentAt30s: number;
  /** Physical memory before the first cycle with nothing resident, with 64 versions resident, and in the end. */
  readonly beforeMb: number;
  readonly residentMb: number;
  readonly afterMb: number;
  readonly versionMb: number;
}

const megabyte = 2 ** 20;
const firstVersions = maxResident;

/** Plugs and unplugs versions, and answers with some of them meanwhile. 64 versions are resident in the end, and then none. */
export async function cycle({ cycles, seed, breaking }: ResidencyOptions): Promise<ResidencyCounts> {
  await using versions = await ResidentVersions.open(seed, breaking);
  const { registry, time } = versions;
  let [answers, wrong, mostResident] = [0, 0, 0];
  const check = async (version: number): Promise<void> => {
    answers++;
    if (!(await versions.isRight(version))) wrong++;
    mostResident = Math.max(mostResident, registry.memory().versions);
  };
  const release = (): void => {
    time.pass(idleMs + 1);
    registry.releaseIdle();
  };
  // Everything once, so that what is allocated for good is not counted.
  for (let version = 0; version < firstVersions; version++) {
    await versions.plug(version);
    await (version % 4 === 0 ? check(version) : versions.hold(version));
  }
  release();
  const before = await residentBytes();

  const random = createRandom(seed, 'cycles');
  for (let turn = 0; turn < cycles; turn++) {
    const version = firstVersions + (turn % 32);
    await versions.plug(version);
    await (turn % 10 === 0 ? check(version) : versions.hold(version));
    if (turn % 20 === 0) await check(random.integer(firstVersions));
    time.pass(random.integer(500));
    registry.releaseIdle();
    await versions.unplug(version);
  }
  for (let version = 0; version < firstVersions; version++) {
    await (version % 4 === 0 ? check(version) : versions.hold(version));
  }
  mostResident = Math.max(mostResident, registry.memory().versions);
  const resident = await residentBytes();
  // All were used just now, at the same time of the clock.
  time.pass(idleMs - 1);
  registry.releaseIdle();
  const residentJustBefore30s = registry.memory().versions;
  time.pass(1);
  registry.releaseIdle();
  const residentAt30s = registry.memory().versions;
  const after = await residentBytes();
  for (let version = 0; version < firstVersions; version += 7) await check(version);
  return {
    cycles,
    answers,
    wrong,
    mostResident,
    residentJustBefore30s,
    residentAt30s,
    beforeMb: before / megabyte,
    residentMb: resident / megabyte,
    afterMb: after / megabyte,
    versionMb: versions.bytes / megabyte,
  };
}

/** Whether the memory is back within 5 % or 32 MB. */
export function isBack({ beforeMb, afterMb }: ResidencyCounts): boolean {
  return afterMb - beforeMb <= Math.max(32, beforeMb * 0.05);
}
