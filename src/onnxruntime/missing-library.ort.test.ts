import { afterEach, describe, expect, it } from 'vitest';
import { openEnvironment } from './environment.ts';

const open = () => openEnvironment({ threads: 1 });
const before = process.env['ESPALIER_ORT_LIBRARY'];
afterEach(() => {
  if (before === undefined) delete process.env['ESPALIER_ORT_LIBRARY'];
  else process.env['ESPALIER_ORT_LIBRARY'] = before;
});

describe('ESPALIER_ORT_LIBRARY', () => {
  it('names the library to load; a wrong one is told, and can be put right', () => {
    process.env['ESPALIER_ORT_LIBRARY'] = '/nowhere/libonnxruntime.so';
    expect(open).toThrow(expect.objectContaining({ code: 'ORT_LIBRARY_MISSING' }));
    expect(open).toThrow(/\/nowhere\/libonnxruntime\.so.*ESPALIER_ORT_LIBRARY/);
    process.env['ESPALIER_ORT_LIBRARY'] = '';
    open().dispose();
  });
});
