import { cp, readdir, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from './audit/read-audit.ts';
import { changesInOrder, type StoreFiles } from './files/store-files.ts';
import { EndingFiles, steppedFiles } from './testing/stepped-files.ts';
import { StoreUnderTest } from './testing/store-under-test.ts';
import { drop, write, writeNotFinite } from './testing/test-adapters.ts';

/** A store with two names, and a version that no name points to. */
let prepared: StoreUnderTest;
let tested: StoreUnderTest | undefined;
beforeAll(async () => {
  prepared = await StoreUnderTest.create();
  const store = await prepared.open({ watch: false });
  await store.put('policy', await write(join(prepared.elsewhere, 'one'), 1));
  await store.put('other', await write(join(prepared.elsewhere, 'nine'), 9));
  await store.put('policy', await write(join(prepared.elsewhere, 'five'), 5), { isActivated: false });
  await prepared.close();
});
afterEach(async () => tested?.[Symbol.asyncDispose]());
afterAll(() => prepared[Symbol.asyncDispose]());

async function copyOfPrepared(): Promise<StoreUnderTest> {
  tested = await StoreUnderTest.create();
  await cp(prepared.dir, tested.dir, { recursive: true, verbatimSymlinks: true });
  return tested;
}

interface Action {
  /** What happens before the store is opened. */
  readonly prepare?: (store: StoreUnderTest) => Promise<unknown>;
  /** What the killed process did. */
  readonly act: (store: StoreUnderTest) => Promise<unknown>;
  readonly old: readonly string[];
  readonly new: readonly string[];
  /** What is served when everything has been done again that was left over. */
  readonly last: 'new' | 'either';
}

const digestOf = async (store: StoreUnderTest, version: number): Promise<string> => {
  const made = await write(join(store.elsewhere, `digest-${version}`), version);
  return (await store.user.read(made)).digest;
};

const actions: Readonly<Record<string, Action>> = {
  'a publication from incoming': {
    prepare: (store) => drop(store.elsewhere, store.incoming('policy'), 2),
    act: (store) => store.rest(),
    old: ['other=9', 'policy=1'],
    new: ['other=9', 'policy=2'],
    last: 'new',
  },
  'the first publication of a name': {
    prepare: (store) => drop(store.elsewhere, store.incoming('org', 'new'), 3),
    act: (store) => store.rest(),
    old: ['other=9', 'policy=1'],
    new: ['org/new=3', 'other=9', 'policy=1'],
    last: 'new',
  },
  'an activation': {
    act: async (store) => store.store.activate('policy', await digestOf(store, 5)),
    old: ['other=9', 'policy=1'],
    new: ['other=9', 'policy=5'],
    last: 'either',
  },
  'a withdrawal': {
    act: (store) => store.store.withdraw('policy'),
    old: ['other=9', 'policy=1'],
    new: ['other=9'],
    last: 'either',
  },
  'a quarantine': {
    act: async (store) => store.store.quarantine('policy', await digestOf(store, 1), { error: new Error('it is bad') }),
    old: ['other=9', 'policy=1'],
    new: ['other=9'],
    last: 'either',
  },
  'a refusal': {
    prepare: async (store) => {
      await writeNotFinite(join(store.elsewhere, 'bad'));
      await cp(join(store.elsewhere, 'bad'), store.incoming('policy'), { recursive: true });
    },
    act: (store) => store.rest(),
    old: ['other=9', 'policy=1'],
    new: ['other=9', 'policy=1'],
    last: 'new',
  },
};

const served = (store: StoreUnderTest): string[] => {
  const latest = new Map(
    store.user.heard.filter((each) => each.includes('=')).map((each) => [each.split('=')[0], each]),
  );
  for (const each of store.user.heard) if (/^[-!]/.test(each)) latest.delete(each.slice(1));
  return [...latest.values()].sort();
};

/** The names that have a link. Each must lead to a version. */
async function linksOf(store: StoreUnderTest): Promise<string[]> {
  const entries = await readdir(store.at('active'), { withFileTypes: true, recursive: true });
  const links = entries.filter((entry) => entry.isSymbolicLink()).map(({ parentPath, name }) => join(parentPath, name));
  for (const link of links) await readdir(join(link, '..', await readlink(link)));
  return links.map((link) => relative(store.at('active'), link)).sort();
}

const isAll = process.env['ESPALIER_SOAK'] !== undefined;

/**
 * All steps with ESPALIER_SOAK; otherwise those at which names change, and some of the others.
 */
function chosen(taken: readonly string[]): number[] {
  const isMove = (step: string): boolean => /(?:exchange|rename|renameToFree|unlink)$/.test(step);
  return [...taken.keys()].filter((step) => isAll || isMove(taken[step] ?? '') || step % 11 === 0);
}

/** What is wrong with a store, in words. */
class Findings {
  readonly all: string[] = [];
  place = '';

  oneOf(allowed: readonly (readonly string[])[], found: readonly string[], what: string): void {
    if (!allowed.some((each) => isDeepStrictEqual(each, found))) this.#add(`${what}: ${found.join(', ') || 'nothing'}`);
  }

  none(found: readonly unknown[], what: string): void {
    if (found.length > 0) this.#add(`${what}: ${JSON.stringify(found)}`);
  }

  #add(what: string): void {
    this.all.push(`${this.place}: ${what}`);
  }

  /** Every link leads to a version, and there is one for each name that is served. */
  async links(store: StoreUnderTest): Promise<void> {
    this.oneOf([served(store).map((each) => each.split('=')[0] ?? '')], await linksOf(store), 'links');
  }

  async leftovers(store: StoreUnderTest): Promise<void> {
    this.none(await readdir(store.at('staging')), 'left in staging');
    this.none(
      (await readdir(store.incoming())).filter((name) => name !== 'org'),
      'left in incoming',
    );
    this.none([...store.user.errors.keys()], 'not served');
  }
}

/** With all steps the tests take minutes. */
const patience = 600_000;

type Change = (files: StoreFiles) => StoreFiles;

async function killedAfter(action: Action, steps: number, change: Change = (files) => files): Promise<EndingFiles> {
  const store = await copyOfPrepared();
  await action.prepare?.(store);
  const ending = new EndingFiles(steps);
  try {
    await store.open({ watch: false, files: change(ending.files), openAudit: ending.openAudit });
    await action.act(store);
  } catch (error) {
    if (!ending.isEnded) throw error;
  }
  await store.close();
  return ending;
}

async function stepsOf(action: Action, change?: Change): Promise<readonly string[]> {
  const { taken } = await killedAfter(action, Infinity, change);
  await tested?.[Symbol.asyncDispose]();
  return taken;
}

/** What is wrong with the store after the process was killed at each of these steps, and another was started. */
async function findKilled(
  action: Action,
  steps: readonly number[],
  taken: readonly string[],
  change?: Change,
): Promise<readonly string[]> {
  const findings = new Findings();
  const either = [action.old, action.new];
  for (const step of steps) {
    findings.place = `killed ${taken[step]} (${step})`;
    await killedAfter(action, step, change);
    const store = tested as StoreUnderTest;
    await store.open({ watch: false });
    findings.oneOf(either, served(store), 'served after the restart');
    await findings.links(store);
    await store.rest();
    findings.oneOf(action.last === 'new' ? [action.new] : either, served(store), 'served in the end');
    await findings.leftovers(store);
    await store.close();
    findings.none((await readAudit(store.dir, () => undefined)).problems, 'in the audit record');
    await store[Symbol.asyncDispose]();
  }
  return findings.all;
}

describe('the same checks', () => {
  /** How a store would be that does not exchange links: it removes one and makes another. */
  const removing: Change = (files) => {
    const wrong: StoreFiles = {
      ...files,
      inOrder: (changes) => changesInOrder(wrong, changes),
      exchange: async (fresh, path) => {
        const [next, before] = [await readlink(fresh), await readlink(path)];
        await files.unlink(path);
        await files.link(next, path);
        await files.unlink(fresh);
        await files.link(before, fresh);
        return true;
      },
    };
    return wrong;
  };
  it('find out a store that removes a link before it makes the next', async () => {
    const action = actions['an activation'] as Action;
    const taken = await stepsOf(action, removing);
    const steps = [...taken.keys()].filter((step) => /after unlink|before link/.test(taken[step] ?? ''));
    expect((await findKilled(action, steps, taken, removing)).join('\n')).toContain(
      'served after the restart: other=9',
    );
  });
});

describe.each(Object.entries(actions))('%s', (name, action) => {
  const either = [action.old, action.new];
  const last = action.last === 'new' ? [action.new] : either;

  it(
    'leaves the old names or the new ones, wherever the process is killed',
    async () => {
      const taken = await stepsOf(action);
      expect(await findKilled(action, chosen(taken), taken)).toEqual([]);
      expect(taken.length).toBeGreaterThan(3);
    },
    patience,
  );

  it.each(isAll ? ['EIO', 'ENOSPC'] : ['EIO'])(
    'leaves the old names or the new ones at %s',
    async (code) => {
      const taken = await stepsOf(action);
      const findings = new Findings();
      for (const fault of chosen(taken).filter((step) => taken[step]?.startsWith('before'))) {
        findings.place = `${code} ${taken[fault]} (${fault})`;
        const store = await copyOfPrepared();
        await action.prepare?.(store);
        const before = await withFault(store, { fault, code, findings });
        await store.reopen({ watch: false });
        findings.oneOf(before === undefined ? either : [before], served(store), 'served after the restart');
        await store.rest();
        findings.oneOf(last, served(store), 'served in the end');
        await findings.leftovers(store);
        await store[Symbol.asyncDispose]();
      }
      expect(findings.all).toEqual([]);
    },
    patience,
  );

  /** @returns what was served in the end; undefined if the store could not be opened */
  async function withFault(
    store: StoreUnderTest,
    { fault, code, findings }: { readonly fault: number; readonly code: string; readonly findings: Findings },
  ): Promise<readonly string[] | undefined> {
    let steps = 0;
    const files = steppedFiles(() => {
      if (steps++ === fault) throw Object.assign(new Error(code), { code, errno: -5 });
    });
    try {
      await store.open({ watch: false, files });
    } catch {
      return undefined;
    }
    await action.act(store).catch(() => undefined);
    findings.oneOf(either, served(store), 'served after the fault');
    // A version in quarantine stays out of service, whatever its link still says.
    if (name !== 'a quarantine') await findings.links(store);
    await store.rest();
    await findings.links(store);
    findings.oneOf(last, served(store), 'served after a while');
    return served(store);
  }
});
