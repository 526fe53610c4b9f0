import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// WHY vite, which is no dependency of its own here: Vitest is built on it.
import { build } from 'vite';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

export interface BundledProgram extends AsyncDisposable {
  readonly path: string;
}

/** `rank-program.ts` as one file that Node runs. WHY one: it starts in a quarter of the time of a thousand. */
export async function bundleRankProgram(): Promise<BundledProgram> {
  // WHY inside the package: the program finds its dependencies there.
  const folder = await mkdtemp(join(root, 'node_modules', '.espalier-ranks-'));
  await build({
    root,
    configFile: false,
    logLevel: 'silent',
    publicDir: false,
    build: {
      ssr: join(import.meta.dirname, 'rank-program.ts'),
      target: 'es2022',
      outDir: folder,
      minify: false,
      rolldownOptions: { output: { entryFileNames: 'rank-program.mjs' } },
    },
  });
  return {
    path: join(folder, 'rank-program.mjs'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
