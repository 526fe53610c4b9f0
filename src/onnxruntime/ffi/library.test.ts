import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findLibrary, type LibraryPlace } from './library.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-library-'));
  mkdirSync(join(folder, 'bin/napi-v6/linux/x64'), { recursive: true });
  mkdirSync(join(folder, 'bin/napi-v6/linux/arm64'), { recursive: true });
  writeFileSync(join(folder, 'bin/napi-v6/linux/x64/libonnxruntime.so.1'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

const place = (changes: Partial<LibraryPlace>): LibraryPlace => ({
  override: undefined,
  platform: 'linux',
  arch: 'x64',
  packageFolder: folder,
  ...changes,
});

describe('findLibrary', () => {
  it("takes the package's library for the platform", () => {
    expect(findLibrary(place({}))).toBe(join(folder, 'bin/napi-v6/linux/x64/libonnxruntime.so.1'));
  });

  it('takes the library that is named before any other', () => {
    const override = join(folder, 'mine.so');
    writeFileSync(override, '');
    expect(findLibrary(place({ override, packageFolder: undefined }))).toBe(override);
  });

  it('tells which library is missing', () => {
    const override = join(folder, 'none.so');
    const error = expect.objectContaining({ code: 'ORT_LIBRARY_MISSING', message: expect.stringContaining(override) });
    expect(() => findLibrary(place({ override }))).toThrow(error);
    expect(() => findLibrary(place({ arch: 'arm64' }))).toThrow(/arm64.*Install the package onnxruntime-node/);
    expect(() => findLibrary(place({ packageFolder: undefined }))).toThrow(/node_modules\/onnxruntime-node/);
  });

  it.each([
    { platform: 'linux', arch: 'riscv64' },
    { platform: 'darwin', arch: 'x64' },
    { platform: 'sunos', arch: 'x64' },
  ])('tells that the package has none for $platform-$arch', (where) => {
    expect(() => findLibrary(place(where))).toThrow(
      expect.objectContaining({
        code: 'ORT_PLATFORM_UNSUPPORTED',
        details: { platform: `${where.platform}-${where.arch}` },
      }),
    );
  });
});
