import { deepStrictEqual } from 'node:assert';
import { afterAll, vi } from 'vitest';
import { liveHandles } from '../src/native/native-handle.ts';

// What files of tests share when they share a process. They share modules too, whose only state is the count of native
// handles and the libraries that are loaded.
const state = () => ({
  nativeHandles: liveHandles(),
  folder: process.cwd(),
  stackTraceLimit: Error.stackTraceLimit,
  fakeTimers: vi.isFakeTimers(),
});

const [before, variables] = [state(), { ...process.env }];

/** Set by the first loading of the library, for the rest of the process. */
const setOnce = new Set(['ORT_DISABLE_TELEMETRY']);

/** Names only: the values are nobody's business. */
function changedVariables(): string[] {
  const names = Object.keys({ ...variables, ...process.env });
  return names.filter((name) => variables[name] !== process.env[name] && !setOnce.has(name));
}

// A setup file's hooks are registered before those of the tests, so this one runs after all of theirs.
afterAll(() => {
  deepStrictEqual(
    { ...state(), changedVariables: changedVariables() },
    { ...before, nativeHandles: {}, changedVariables: [] },
  );
});
