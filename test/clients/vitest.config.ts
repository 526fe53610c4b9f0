import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = fileURLToPath(import.meta.url);

// Of `npm run test:clients` alone: the clients are installed in this folder, and not with the project.
export default defineConfig({
  plugins: [
    {
      // WHY: the project has a copy of LangChain of its own for its types, and a program has one.
      name: 'one-langchain',
      enforce: 'pre',
      resolveId(source) {
        return source.startsWith('@langchain/core') ? this.resolve(source, here, { skipSelf: true }) : undefined;
      },
    },
  ],
  test: {
    include: ['test/clients/*.client.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
