import { defineConfig } from 'vitest/config';

// WHY here: libuv reads it when its thread pool starts, before any code of a test; the forks inherit it.
process.env['UV_THREADPOOL_SIZE'] ??= '8';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // WHY forks: each file gets a process of its own, so that native handles and thread pools of one test never reach another.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
