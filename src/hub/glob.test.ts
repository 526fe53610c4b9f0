import { describe, expect, it } from 'vitest';
import { compileGlob } from './glob.ts';

describe('compileGlob', () => {
  it.each([
    { pattern: '*.gguf', yes: ['a.gguf', 'deep/er/a.gguf'], no: ['a.gguf.txt', 'agguf'] },
    { pattern: 'onnx/*', yes: ['onnx/model.onnx'], no: ['onnx/deep/model.onnx', 'model.onnx', 'x/onnx/model.onnx'] },
    { pattern: 'onnx/**', yes: ['onnx/model.onnx', 'onnx/deep/model.onnx'], no: ['onnx'] },
    { pattern: '**/a?.bin', yes: ['a1.bin', 'x/y/ab.bin'], no: ['a.bin', 'a/.bin', 'ab/bin'] },
    { pattern: './*.json', yes: ['./a.json'], no: ['./b/a.json', 'a.json'] },
    { pattern: 'a+(b)[c].$x^', yes: ['a+(b)[c].$x^'], no: ['aab[c]x$x^'] },
  ])('reads $pattern', ({ pattern, yes, no }) => {
    const fits = compileGlob(pattern);
    expect(yes.filter((path) => !fits(path))).toEqual([]);
    expect(no.filter((path) => fits(path))).toEqual([]);
  });
});
