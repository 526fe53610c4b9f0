import { describe, expect, it } from 'vitest';
import { ownSpellings } from './spellings.ts';

const declared = new Set(['--base', '--output', '--learning-rate', '--rank', '--model', '--max-length', '--json']);
const own = (line: string): string => ownSpellings(line.split(' '), declared).join(' ');

describe('ownSpellings', () => {
  it.each([
    ['--lr 3e-4 --lora-r=16 -o out', '--learning-rate 3e-4 --rank=16 --output out'],
    ['--learning_rate 1 --max_seq_length 8', '--learning-rate 1 --max-length 8'],
    ['--base_model x --output-dir y', '--base x --output y'],
  ])('understands %s', (line, expected) => {
    expect(own(line)).toBe(expected);
  });

  it.each(['--model digits=m.onnx', '--epochs 3', '--unheard-of', '-x', 'base_model', '--base -- --lr'])(
    'leaves alone what the command declares or what means nothing to it: %s',
    (line) => {
      expect(own(line)).toBe(line);
    },
  );
});
