import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventLines } from './event-lines.ts';

const text = 'data: {"a":"ä€"}\r\n\r\n: a remark\n\ndata:{"b":1}\n\nevent: x\ndata: [DONE]\n\n';
const bytes = new TextEncoder().encode(text);

async function* inPieces(cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const places = [...new Set([0, ...cuts.map((cut) => cut % bytes.length), bytes.length])].sort((a, b) => a - b);
  for (const [i, end] of places.slice(1).entries()) yield bytes.subarray(places[i], end);
}

describe('eventLines', () => {
  it('reads the same data however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(1000)), async (cuts) => {
        const lines: string[] = [];
        for await (const line of eventLines(inPieces(cuts))) lines.push(line);
        expect(lines).toEqual(['{"a":"ä€"}', '{"b":1}', '[DONE]']);
      }),
    );
  });

  it('refuses a line without an end', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array(1 << 18).fill(97);
    }
    await expect(eventLines(endless()).next()).rejects.toThrow('longer than a megabyte');
  });
});
