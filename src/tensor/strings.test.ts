import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packStrings, unpackStrings } from './strings.ts';

describe('packed strings', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 9 })), (elements) => {
        expect(unpackStrings(packStrings(elements))).toEqual(elements);
      }),
    );
  });

  it('are refused where the last one is cut', () => {
    const packed = packStrings([Uint8Array.of(1, 2, 3)]);
    expect([packed.subarray(0, 6), packed.subarray(0, 3)].map(unpackStrings)).toEqual([undefined, undefined]);
  });

  it('of any bytes are elements or nothing, and never reach beyond', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const elements = unpackStrings(bytes) ?? [];
        expect(elements.reduce((sum, { byteLength }) => sum + 4 + byteLength, 0)).toBeLessThanOrEqual(bytes.byteLength);
      }),
    );
  });
});
