import { defineConfig } from 'vitest/config';

// Of `npm run test:clients` alone: the clients are installed in this folder, and not with the project.
export default defineConfig({
  test: {
    include: ['test/clients/*.client.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
