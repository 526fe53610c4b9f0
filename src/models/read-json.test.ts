import { describe, expect, it } from 'vitest';

import { parsePythonJson } from './read-json.ts';

describe('parsePythonJson', () => {
  it('reads numbers that are not finite as transformers 5 spells them', () => {
    const text = String.raw`{"time_step_limit": [0.0, Infinity], "least": -Infinity, "x": NaN, "name": "Infinity \" NaN"}`;
    expect(parsePythonJson(text)).toEqual({
      time_step_limit: [0, { __float__: 'Infinity' }],
      least: { __float__: '-Infinity' },
      x: { __float__: 'NaN' },
      name: 'Infinity " NaN',
    });
  });

  it.each(['{"a": 1', '{"a": Infinitely}', '{"a": }'])('refuses what is no JSON for Python either: %s', (text) => {
    expect(() => parsePythonJson(text)).toThrow(SyntaxError);
  });
});
