import { execFile } from 'node:child_process';
import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from './audit/read-audit.ts';
import { plainProgram, type PlainProgram } from './testing/plain-program.ts';
import { StoreUnderTest } from './testing/store-under-test.ts';
import { drop, write } from './testing/test-adapters.ts';

let program: PlainProgram;
let prepared: StoreUnderTest;
let tested: StoreUnderTest | undefined;
/** WHY not always: the project is translated first, and each step is a process. crash-points.test.ts ends the same steps in this one. */
const patience = 600_000;
const isSoak = process.env['ESPALIER_SOAK'] !== undefined;
beforeAll(async () => {
  if (!isSoak) return;
  program = await plainProgram(new URL('./testing/killed-child.ts', import.meta.url));
  prepared = await StoreUnderTest.create();
  const store = await prepared.open({ watch: false });
  await store.put('policy', await write(join(prepared.elsewhere, 'one'), 1));
  await store.put('other', await write(join(prepared.elsewhere, 'nine'), 9));
  await prepared.close();
}, patience);
afterEach(async () => tested?.[Symbol.asyncDispose]());
afterAll(async () => {
  if (!isSoak) return;
  await prepared[Symbol.asyncDispose]();
  await program[Symbol.asyncDispose]();
});

const actions = ['publish', 'activate', 'withdraw'] as const;
const outcomes = {
  publish: [
    ['other=9', 'policy=1'],
    ['other=9', 'policy=2'],
  ],
  activate: [
    ['other=9', 'policy=1'],
    ['other=9', 'policy=9'],
  ],
  withdraw: [['other=9', 'policy=1'], ['other=9']],
};

interface Ended {
  readonly signal: string | undefined;
  readonly steps: number;
}

/** Runs the action in a process that kills itself at a step. */
async function run(action: (typeof actions)[number], step: number): Promise<Ended> {
  const store = await StoreUnderTest.create();
  tested = store;
  await cp(prepared.dir, store.dir, { recursive: true, verbatimSymlinks: true });
  if (action === 'publish') await drop(store.elsewhere, store.incoming('policy'), 2);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program.path, store.dir, action, String(step)], (error, stdout, stderr) => {
      const signal = typeof error?.signal === 'string' ? error.signal : undefined;
      if (error !== null && signal === undefined) reject(new Error(stderr));
      else resolve({ signal, steps: Number(stdout) });
    });
  });
}

describe.runIf(isSoak)('a process that is killed', () => {
  it.each(actions)(
    'leaves a store whole in which it did this: %s',
    async (action) => {
      const { steps } = await run(action, Infinity);
      await tested?.[Symbol.asyncDispose]();
      expect(steps).toBeGreaterThan(3);
      for (let step = 0; step < steps; step++) {
        expect((await run(action, step)).signal).toBe('SIGKILL');
        const store = tested as StoreUnderTest;
        await store.open({ watch: false });
        const seen = { step, served: [...store.user.heard].sort() };
        expect(outcomes[action].map((served) => ({ step, served }))).toContainEqual(seen);
        await store.rest();
        expect(await readdir(store.incoming())).toEqual([]);
        expect(await readdir(store.at('staging'))).toEqual([]);
        await store.close();
        const records: string[] = [];
        const { problems } = await readAudit(store.dir, ({ seq }) => records.push(String(seq)));
        expect(problems).toEqual([]);
        await store[Symbol.asyncDispose]();
      }
    },
    patience,
  );
});
