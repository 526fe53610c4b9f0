import { readdir } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { tensorOf } from '../tensor/index.ts';
import { liveHandles } from '../native/native-handle.ts';
import { deviceLedger } from './device-ledger.ts';
import { openEnvironment } from './environment.ts';
import { runOnce } from './run-once.ts';
import { doublingModel } from './testing/tiny-model.ts';

afterEach(() => {
  if (Object.keys(liveHandles()).length > 0) throw new Error('A handle was left alive.');
});

describe('openEnvironment', () => {
  it('tells the version of the library and its threads', () => {
    using environment = openEnvironment({ threads: 2 });
    expect(environment.version).toMatch(/^1\.\d+\.\d+$/);
    expect(environment.threads).toBe(2);
  });

  it('opens one at a time, and again after disposal', async () => {
    for (const threads of [1, 2, 1]) {
      using environment = openEnvironment({ threads, spinUs: 100 * (threads - 1), denormalsAsZero: true });
      expect(() => openEnvironment({ threads })).toThrow(expect.objectContaining({ code: 'ENVIRONMENT_OPEN' }));
      using session = await environment.createSession(doublingModel());
      await runOnce(session, { x: tensorOf('float32', [1, 2], [1, 2]) });
    }
  });

  it('opens sessions on the CPU whatever is held on a device', async () => {
    deviceLedger.limit = undefined;
    deviceLedger.take({ use: 'memory', bytes: 10, what: 'a test' });
    try {
      using environment = openEnvironment({ threads: 1, deviceMemory: 5 });
      using session = await environment.createSession(doublingModel());
      const { y } = await runOnce(session, { x: tensorOf('float32', [1, 2], [1, 2]) });
      expect(y).toBeDefined();
    } finally {
      deviceLedger.giveBack('memory', 10);
      deviceLedger.limit = undefined;
    }
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses %d threads', (threads) => {
    expect(() => openEnvironment({ threads })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
  });

  it.each([-1, 0.5, 1_000_001, Number.NaN])('refuses %d microseconds in a busy loop', (spinUs) => {
    expect(() => openEnvironment({ threads: 1, spinUs })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
  });

  it.runIf(process.platform === 'linux')(
    'gives threads of its own to a session that asks, until it is closed',
    async () => {
      const threadsNow = async (): Promise<number> => (await readdir('/proc/self/task')).length;
      using environment = openEnvironment({ threads: 5 });
      // The first run starts threads of libuv that stay.
      using shared = await environment.createSession(doublingModel());
      await runOnce(shared, { x: tensorOf('float32', [1, 2], [1, 2]) });
      const before = await threadsNow();
      const own = await environment.createSession(doublingModel(), { spins: true });
      expect(await threadsNow()).toBe(before + 4);
      await runOnce(own, { x: tensorOf('float32', [1, 2], [1, 2]) });
      own.dispose();
      expect(await threadsNow()).toBe(before);
      await expect(environment.createSession(new Uint8Array(8), { spins: true })).rejects.toMatchObject({
        code: 'ORT_FAILED',
      });
    },
  );

  it('refuses a log level that does not exist', () => {
    const logLevel = 'loud' as 'info';
    expect(() => openEnvironment({ threads: 1, logLevel })).toThrow(
      /verbose, info, warning, error, fatal for logLevel, got loud/,
    );
  });
});

describe('Environment.dispose', () => {
  it('waits for the sessions that came from it', async () => {
    const environment = openEnvironment({ threads: 1 });
    const session = await environment.createSession(doublingModel());
    environment.dispose();
    environment.dispose();
    expect(liveHandles()).toEqual({ environment: 1, session: 1 });
    await expect(environment.createSession(doublingModel())).rejects.toMatchObject({ code: 'DISPOSED' });
    await runOnce(session, { x: tensorOf('float32', [1, 2], [1, 2]) });
    session.dispose();
    expect(liveHandles()).toEqual({});
  });

  it('while a model is being loaded, has the load fail and nothing stay', async () => {
    const environment = openEnvironment({ threads: 1 });
    const session = environment.createSession(doublingModel());
    environment.dispose();
    await expect(session).rejects.toMatchObject({ code: 'DISPOSED' });
    expect(liveHandles()).toEqual({});
  });
});
