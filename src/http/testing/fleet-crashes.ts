import { join } from 'node:path';
import { createRandom, type Random } from '../../core/index.ts';
import { GitSource, parseSource } from '../../fleet/index.ts';
import { GitRepository } from '../../fleet/testing/git-repository.ts';
import { adapterFiles, digestOf, manifestOf } from '../../fleet/testing/manifests.ts';
import { Crash, FleetHouse, namesOf, type Process } from './fleet-house.ts';

export interface CrashOptions {
  /** Where the source keeps its own. undefined: manifests are applied by hand, without a repository. */
  readonly folder?: string;
  readonly edits: number;
  readonly seed: number;
  /** Breaks the server, to see that it is found. */
  readonly moveTogether?: FleetHouse['moveTogether'];
  /** Breaks the memory of the fleet. */
  readonly forgetsPending?: boolean;
}

export interface CrashReport {
  readonly edits: number;
  readonly crashes: number;
  readonly applied: number;
}

const letters = ['a', 'b', 'c', 'd'];
const names = ['one', 'two', 'three', 'four', 'five'];

/**
 * Edits a repository at random while a server follows it, ends the process at random changes of its disk, and starts it again. After
 * every step, and at every turn of the event loop in between, the names must be those of some commit.
 * @throws if they ever are not, or if the last commit does not live at the end
 */
export async function runFleetCrashes(options: CrashOptions): Promise<CrashReport> {
  const random = createRandom(options.seed);
  const { folder } = options;
  using repository = folder === undefined ? undefined : new GitRepository();
  const source = (): GitSource | undefined => {
    const address = parseSource(repository?.url ?? '/');
    if (folder === undefined || address.kind !== 'git') return undefined;
    return new GitSource({ address, cache: join(folder, 'git') });
  };
  const house = new FleetHouse();
  if (folder === undefined) for (const letter of letters) house.store.versions.add(digestOf(letter));
  if (options.moveTogether) house.moveTogether = options.moveTogether;
  if (options.forgetsPending === true) house.forgetsPending = true;
  const commits = new Set<string>([keyOf({})]);
  let running: Process | undefined;
  let [crashes, applied] = [0, 0];
  const assertOneCommit = (): void => {
    const live = running && keyOf(namesOf(running));
    if (live !== undefined && !commits.has(live)) throw new Error(`the names ${live} are those of no commit`);
  };
  let [last, lastManifest] = ['', ''];
  try {
    for (let edit = 0; edit < options.edits; edit++) {
      const wanted = draw(random);
      last = keyOf(Object.fromEntries(Object.entries(wanted).map(([name, letter]) => [name, digestOf(letter)])));
      commits.add(last);
      const files = edit === 0 ? adapterFiles(letters) : {};
      const manifest = manifestOf(wanted);
      repository?.commit({ ...files, 'fleet.yaml': manifest });
      lastManifest = manifest;
      const act = ({ fleet }: Process): Promise<unknown> =>
        repository === undefined ? fleet.apply(manifest, { commit: `edit-${edit}`, by: 'a test' }) : fleet.look();
      const crashAt = random.uniform() < 0.6 ? house.changes + Math.floor(random.uniform() * 7) : -1;
      house.crashAt = crashAt;
      try {
        running ??= await house.start(source());
        // WHY: what a request could see between two changes must be one commit too.
        let isOver = false;
        const looking = act(running).finally(() => (isOver = true));
        looking.catch(() => undefined);
        while (!isOver) {
          assertOneCommit();
          await new Promise((resolve) => setImmediate(resolve));
        }
        await looking;
        applied++;
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
      }
      if (!house.isDead) {
        assertOneCommit();
        continue;
      }
      crashes++;
      house.crashAt = -1;
      await running?.end().catch(() => undefined);
      running = await house.start(source());
      assertOneCommit();
    }
    house.crashAt = -1;
    running ??= await house.start(source());
    if (repository === undefined) await running.fleet.apply(lastManifest, { commit: 'the last', by: 'a test' });
    else await running.fleet.look();
    const live = keyOf(namesOf(running));
    if (live !== last) throw new Error(`the names ${live} are those of no commit but ${last} is the last`);
  } finally {
    await running?.end().catch(() => undefined);
  }
  return { edits: options.edits, crashes, applied };
}

function draw(random: Random): Record<string, string> {
  const chosen = names.filter(() => random.uniform() < 0.7);
  const some = chosen.length === 0 ? names.slice(0, 1) : chosen;
  return Object.fromEntries(some.map((name) => [name, letters[Math.floor(random.uniform() * letters.length)] ?? 'a']));
}

function keyOf(found: Readonly<Record<string, string | undefined>>): string {
  return JSON.stringify(Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
