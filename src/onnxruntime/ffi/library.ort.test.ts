import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { breathe, EspalierError } from '../../core/index.ts';
import { apiSlots } from './api-slots.ts';
import { findLibrary, loadLibrary, neededApiVersion, systemPlace } from './library.ts';
import { ort, receive } from './ort.ts';

describe('loadLibrary', () => {
  it('answers to the API version that we need', () => {
    const { version, table } = loadLibrary(findLibrary(systemPlace()));
    expect(Number(version.split('.')[1])).toBeGreaterThanOrEqual(neededApiVersion);
    expect(table).not.toBe(0n);
  });

  it('refuses a library that is too old', () => {
    const path = findLibrary(systemPlace());
    expect(() => loadLibrary(path, 900)).toThrow(expect.objectContaining({ code: 'ORT_VERSION_TOO_OLD' }));
    expect(() => loadLibrary(path, 900)).toThrow(/version 1\.900\.0 or newer is needed/);
  });

  it('refuses a file that is no library', () => {
    const path = fileURLToPath(import.meta.url);
    expect(() => loadLibrary(path)).toThrow(expect.objectContaining({ code: 'ORT_LIBRARY_UNUSABLE' }));
  });

  it('refuses a library that is not ONNX Runtime', () => {
    const path = process.report.getReport() as unknown as { sharedObjects: string[] };
    const other = path.sharedObjects.find((file) => file.includes('libm.so'));
    expect(() => loadLibrary(other ?? 'libm')).toThrow(expect.objectContaining({ code: 'ORT_LIBRARY_UNUSABLE' }));
  });
});

describe('ort', () => {
  it('lists each slot once', () => {
    expect(new Set(apiSlots).size).toBe(apiSlots.length);
  });

  it("throws the library's own code and text where a call fails", () => {
    const { api } = ort();
    const options = receive((out) => api.CreateSessionOptions(out));
    const call = () => api.AddSessionConfigEntry(options, '', 'value');
    expect(call).toThrow(EspalierError);
    expect(call).toThrow(/refused AddSessionConfigEntry: Config key is empty.*\(INVALID_ARGUMENT\)/);
    api.ReleaseSessionOptions(options);
  });

  it('stays loaded when the garbage collector runs', async () => {
    ort();
    setFlagsFromString('--expose_gc');
    const collect = runInNewContext('gc') as () => void;
    for (let round = 0; round < 3; round++) {
      collect();
      await breathe();
    }
    expect(receive((out) => ort().api.GetAllocatorWithDefaultOptions(out))).toBe(ort().allocator);
  });
});
