import { describe, expect, it } from 'vitest';
import { cutExample, type Example } from './example.ts';
import { ExampleCounter } from './example-counter.ts';
import type { Row } from './row.ts';

const none: Example = { inputIds: Int32Array.of(1, 2), labels: Int32Array.of(-100, -100) };
const late: Example = { inputIds: Int32Array.of(1, 2, 3, 4), labels: Int32Array.of(-100, -100, -100, 4) };
const question: Row = { kind: 'messages', messages: [{ role: 'user', content: 'a' }] };
const answered: Row = { kind: 'messages', messages: [{ role: 'assistant', content: '' }] };

const place = { path: 'rows.jsonl', unit: 'line', line: 1 } as const;

function adviceFor(...rows: readonly (readonly [Row, Example])[]): string {
  const counter = new ExampleCounter('rows.jsonl', { maxLength: 3 });
  for (const [row, whole] of rows) {
    const example = cutExample(whole, 3);
    counter.accept({ row, place, whole, example, isCut: example !== whole, passedOver: 0, learnsEnd: true, part: 0 });
  }
  try {
    return String(counter.account());
  } catch (error) {
    return String(error).replace(/^.* 3 tokens\. /, '');
  }
}

describe('what is said when nothing can be learned', () => {
  it.each([
    [
      'a chat without an answer',
      [[question, none]],
      'Add what is learned: a chat needs a message of the role assistant.',
    ],
    [
      'a long chat without an answer',
      [[question, { inputIds: late.inputIds, labels: new Int32Array(4).fill(-100) }]],
      'Add what is learned: a chat needs a message of the role assistant.',
    ],
    ['an answer behind the longest row', [[answered, late]], 'Raise maxLength: what is learned begins beyond it.'],
    [
      'an empty answer',
      [[answered, none]],
      'Check that the answers are not empty, and that not all of them are excluded.',
    ],
    [
      'several reasons',
      [
        [question, none],
        [answered, late],
      ],
      'Raise maxLength: what is learned begins beyond it. Add what is learned: a chat needs a message of the role assistant.',
    ],
  ] satisfies [string, (readonly [Row, Example])[], string][])('fits %s', (_, rows, advice) => {
    expect(adviceFor(...rows)).toBe(advice);
  });
});
