import { defineConfig } from 'vitest/config';

// Of `npm run fuzz` alone: about two minutes for a million inputs on two cores.
export default defineConfig({
  test: { include: ['test/fuzz/*.fuzz.ts'], pool: 'forks', testTimeout: 3_600_000 },
});
