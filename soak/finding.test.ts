import { expect, it } from 'vitest';
import { createProgress, described } from './finding.ts';

it.each(['storm', 'disconnects', 'a-longer-name'])('keeps the name of a part and its claim apart: %s', (part) => {
  const text = described({ part, claim: 'all is well', isSeen: true, figures: { count: 3 } });
  expect(text).toMatch(new RegExp(`^seen +${part} +all is well\n +count 3\n$`));
});

it('writes how far a claim is, but no line sooner than 20 s after the one before', () => {
  const lines: string[] = [];
  let now = 5000;
  const progress = createProgress(
    (line) => lines.push(line),
    () => now,
  );
  for (let second = 1; second <= 50; second++) {
    now += 1000;
    progress(`${second} of 50`);
  }
  expect(lines).toEqual(['20 of 50, 20 s\n', '40 of 50, 40 s\n']);
});
