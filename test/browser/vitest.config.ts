import { defineConfig } from 'vitest/config';

// Of `npm run test:browser` alone: it needs a browser, and what drives it is installed in this folder.
export default defineConfig({
  test: {
    include: ['test/browser/*.browser.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
