import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { collect } from './base-options.ts';
import { readWords } from './read-words.ts';

const { options } = new Command()
  .option('--base <dir>')
  .option('--output <dir>')
  .option('--learning-rate <x>')
  .option('--rank <n>')
  .option('--model <name=path>', 'models', collect)
  .option('--data <paths...>')
  .option('--max-length <n>')
  .option('--prompt <text>')
  .option('--copy-base [dir]')
  .option('--api-key <key>')
  .option('--no-shuffle')
  .option('--json');

const read = (line: string): string => readWords(line.split(' '), { options, help: 'espalier train --help' }).join(' ');

describe('readWords', () => {
  it.each([
    ['--lr 3e-4 --lora-r=16 -o out', '--learning-rate 3e-4 --rank=16 --output out'],
    ['--learning_rate 1 --max_seq_length 8', '--learning-rate 1 --max-length 8'],
    ['--base_model x --output-dir y', '--base x --output y'],
  ])('understands %s', (line, expected) => {
    expect(read(line)).toBe(expected);
  });

  it.each([
    '--model digits=m.onnx --model more=n.onnx',
    '--data a b --data c',
    '--json --json',
    '--no-shuffle a --no-shuffle b',
    '--epochs 3 --epochs 4',
    '--unheard-of',
    '-x',
    'base_model',
    '--base a -- --lr --base b',
    '--prompt --lr --learning-rate 1',
    '--copy-base --rank 1',
    '--base',
  ])('leaves alone what is a value, what the command declares, or what means nothing to it: %s', (line) => {
    expect(read(line)).toBe(line);
  });

  it.each([
    ['--lr 1 --learning-rate 2', '--learning-rate is given twice, as --lr 1 and as --learning-rate 2. Give it once.'],
    ['-o a --rank 1 --save_dir=b', '--output is given twice, as -o a and as --save_dir b. Give it once.'],
    ['--copy-base --copy-base x', '--copy-base is given twice, as --copy-base and as --copy-base x. Give it once.'],
    ['--api-key 12 --api-key 34', '--api-key is given twice, as --api-key (a key) and as --api-key (a key).'],
  ])('refuses %s', (line, text) => {
    expect(() => read(line)).toThrow(text);
  });
});
