import { expect, it } from 'vitest';
import { described } from './finding.ts';

it.each(['storm', 'disconnects', 'a-longer-name'])('keeps the name of a part and its claim apart: %s', (part) => {
  const text = described({ part, claim: 'all is well', isSeen: true, figures: { count: 3 } });
  expect(text).toMatch(new RegExp(`^seen +${part} +all is well\n +count 3\n$`));
});
