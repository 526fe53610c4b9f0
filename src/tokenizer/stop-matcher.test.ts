import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createStopMatcher } from './stop-matcher.ts';

/** What the matcher must send, said without streaming. */
function expected(text: string, stops: readonly string[]): string {
  // WHY by growing prefixes: the stop string that is complete first ends the text, not the one that begins first.
  for (let end = 1; end <= text.length; end++) {
    const starts = stops.map((stop) => text.slice(0, end).indexOf(stop)).filter((start) => start >= 0);
    if (starts.length > 0) return text.slice(0, Math.min(...starts));
  }
  return text;
}

function stream(pieces: readonly string[], stops: readonly string[]): string {
  const matcher = createStopMatcher(stops);
  let sent = '';
  for (const piece of pieces) {
    const { text, stop } = matcher.push(piece);
    sent += text;
    if (stop !== undefined) return sent;
  }
  return sent + matcher.end();
}

describe('createStopMatcher', () => {
  it('sends the same text however it is cut into pieces', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 24 });
    const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), minLength: 1, maxLength: 4 }), {
      maxLength: 3,
    });
    const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 24, maxLength: 24 });
    fc.assert(
      fc.property(letters, stops, sizes, (text, list, lengths) => {
        const pieces: string[] = [];
        for (let at = 0, i = 0; at < text.length; at += lengths[i] ?? 1, i++)
          pieces.push(text.slice(at, at + (lengths[i] ?? 1)));
        expect(stream(pieces, list)).toBe(expected(text, list));
      }),
    );
  });

  it('lets text through at once when it cannot begin a stop string', () => {
    const matcher = createStopMatcher(['\n\n']);
    expect(matcher.push('hello')).toEqual({ text: 'hello' });
    expect(matcher.push('\n')).toEqual({ text: '' });
    expect(matcher.push('x')).toEqual({ text: '\nx' });
    expect(matcher.push('y\n\nz')).toEqual({ text: 'y', stop: '\n\n' });
  });
});
