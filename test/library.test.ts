import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
      'ensureThreadPool',
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

  it('has a face for every folder that its subpaths name', () => {
    const folders = readdirSync(`${root}/src`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const faceless = folders.filter(({ name }) => !existsSync(`${root}/src/${name}/index.ts`)).map(({ name }) => name);
    expect(faceless).toEqual([]);
  });

  it('pins every dependency exactly', () => {
    const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as Record<string, Record<string, string>>;
    const versions = { ...manifest['dependencies'], ...manifest['devDependencies'] };
    expect(Object.entries(versions).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});
