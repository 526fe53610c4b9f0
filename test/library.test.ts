import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as Manifest;
const subpaths = Object.keys(manifest.exports).filter((name) => name !== './package.json');

/** Where the source of a subpath lies. */
const sourceOf = (subpath: string): string => `${root}src/${subpath === '.' ? '' : subpath.slice(2)}/index.ts`;

describe('the library', () => {
  it('names its subpaths one by one, each the face of a folder', () => {
    expect(subpaths).toContain('.');
    expect(subpaths.filter((name) => name.includes('*') || !existsSync(sourceOf(name)))).toEqual([]);
  });

  it('changes what it offers only knowingly', async () => {
    const lines: string[] = [];
    for (const subpath of subpaths) {
      const face = (await import(sourceOf(subpath))) as Readonly<Record<string, unknown>>;
      lines.push(
        subpath,
        ...Object.keys(face)
          .toSorted()
          .map((name) => `  ${name}`),
      );
    }
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('./exports.txt');
    // It imports everything anew, which takes minutes on a machine with other work.
  }, 300_000);

  it('pins every dependency exactly', () => {
    const versions = { ...manifest.dependencies, ...manifest.devDependencies };
    expect(Object.entries(versions).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});
