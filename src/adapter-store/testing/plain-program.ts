import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A program of this project in plain JavaScript, so that Node runs it in a process of its own. */
export interface PlainProgram extends AsyncDisposable {
  readonly path: string;
}

/**
 * Translates the project, for a file that is a program. It takes some seconds.
 *
 * WHY inside node_modules: packages are found from there, and no tool looks at it.
 */
export async function plainProgram(entry: URL): Promise<PlainProgram> {
  const folder = join(root, 'node_modules', `.plain-${process.pid}`);
  const settings = {
    extends: '../../tsconfig.build.json',
    compilerOptions: { outDir: '.', rootDir: '../../src', declaration: false, sourceMap: false },
    include: ['../../src'],
    exclude: ['../../src/**/*.test.ts'],
  };
  const config = `${folder}.json`;
  try {
    await writeFile(
      config,
      JSON.stringify(settings).replaceAll('../../', `${root}/`).replace('"."', JSON.stringify(folder)),
    );
    await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', config]);
  } finally {
    await rm(config, { force: true });
  }
  await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  const place = relative(join(root, 'src'), fileURLToPath(entry)).replace(/\.ts$/, '.js');
  return {
    path: join(folder, place),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
