import { describe, expect, it } from 'vitest';
import { checkpointNameOf, isAdapterName, jobNameOf } from './adapter-name.ts';

describe('isAdapterName', () => {
  it.each([
    'a',
    'org/name',
    'a/b/c',
    'v1.2_x-y',
    '...',
    '.hidden',
    'a'.repeat(128),
    'ft:base:support:x7',
    'ft:base::x7',
    'ft:base:support:x7:ckpt-step-20',
    'ft:base::x7:ckpt-step-0',
  ])('takes %s', (name) => {
    expect(isAdapterName(name)).toBe(true);
  });

  it.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/..',
    '../a',
    './a',
    'a b',
    'a\\b',
    'a%2fb',
    'é',
    'a\n',
    'a'.repeat(129),
    'base:support',
    'ft:base:support',
    'ft:base:a/b:x7',
    'ft:base:a:x7:y',
    'ft:base:a:x7:ckpt-step-',
    'ft:base:a:x7:ckpt-step-1234567890',
    'ft:base:a:x7:ckpt-step-1:ckpt-step-1',
    'ft:base:a:x7:ckpt-step-1\n',
    'base:ckpt-step-1',
    ':ckpt-step-1',
    `ft:base:${'a'.repeat(120)}:x7`,
  ])('refuses %j', (name) => {
    expect(isAdapterName(name)).toBe(false);
  });
});

describe('the name of a checkpoint', () => {
  it('is that of what its job makes, with its step', () => {
    const name = checkpointNameOf('ft:base::x7', 20);
    expect([name, jobNameOf(name), jobNameOf('ft:base::x7')]).toEqual([
      'ft:base::x7:ckpt-step-20',
      'ft:base::x7',
      'ft:base::x7',
    ]);
  });
});
