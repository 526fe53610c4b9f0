import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as espalier from '../src/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('the library', () => {
  it('offers what most programs need, and changes only knowingly', () => {
    expect(Object.keys(espalier).toSorted()).toEqual([
      'EspalierError',
      'SharedArenas',
      'codes',
      'createRandomBase',
      'liveHandles',
      'loadAdapter',
      'loadPeftAdapter',
      'openBaseModel',
      'openEngine',
      'openEnvironment',
      'openInferenceModel',
      'openScorer',
      'openServer',
      'openTokenizer',
      'resolveConfig',
      'runTraining',
      'savePeftAdapter',
    ]);
  });

  it('names its subpaths one by one, each the face of a folder', () => {
    const { exports } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { exports: Record<string, unknown> };
    const folders = Object.keys(exports).filter((name) => name !== '.' && name !== './package.json');
    expect(folders.filter((name) => !existsSync(`${root}/src/${name}/index.ts`))).toEqual([]);
  });

  it('pins every dependency exactly', () => {
    const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as Record<string, Record<string, string>>;
    const versions = { ...manifest['dependencies'], ...manifest['devDependencies'] };
    expect(Object.entries(versions).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});
