import { afterAll, beforeAll } from 'vitest';
import { type Environment, openEnvironment } from '../environment.ts';
import { liveHandles } from '../../native/native-handle.ts';

/**
 * Opens an environment before the tests of a file, and fails the file if a native handle is alive after them.
 *
 * @returns a function that returns the environment; call it within a test
 */
export function testEnvironment(threads = 1): () => Environment {
  let environment: Environment | undefined;
  beforeAll(() => {
    environment = openEnvironment({ threads });
  });
  afterAll(() => {
    environment?.dispose();
    const alive = liveHandles();
    if (Object.keys(alive).length > 0) throw new Error(`Handles still alive: ${JSON.stringify(alive)}`);
  });
  return () => {
    if (environment === undefined) throw new Error('The environment opens before the first test of the file.');
    return environment;
  };
}
