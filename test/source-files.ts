import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SourceFile {
  /** Path inside `src`, with slashes. */
  readonly path: string;
  /** The top folder inside `src`, or '' for a file that lies in `src` itself. */
  readonly folder: string;
  readonly text: string;
}

/** Every TypeScript file of `src`. */
export function sourceFiles(): SourceFile[] {
  const root = fileURLToPath(new URL('../src', import.meta.url));
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => path.replaceAll('\\', '/'))
    .map((path) => ({
      path,
      folder: path.includes('/') ? path.slice(0, path.indexOf('/')) : '',
      text: readFileSync(join(root, path), 'utf8'),
    }));
}

/** What a file imports, as written. */
export function importsOf(text: string): string[] {
  const statements = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s*'([^']+)'/g,
  );
  return [...statements].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}
