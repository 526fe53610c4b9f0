import { afterAll, beforeAll } from 'vitest';
import { type Environment, openEnvironment } from '../environment.ts';
import { liveHandles } from '../../native/native-handle.ts';

/**
 * Opens an environment before a file's tests, and fails the file when a native handle is alive after them.
 *
 * @returns gives the environment, from within a test
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
