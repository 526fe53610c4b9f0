import { describe, expect, it } from 'vitest';
import { isAdapterName } from './adapter-name.ts';

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
    `ft:base:${'a'.repeat(120)}:x7`,
  ])('refuses %j', (name) => {
    expect(isAdapterName(name)).toBe(false);
  });
});
