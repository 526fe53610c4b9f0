import { describe, expect, it } from 'vitest';
import { modelName } from './model-name.ts';

describe('modelName', () => {
  it.each([
    ['/models/tiny', 'tiny'],
    ['/models/tiny/', 'tiny'],
    [`/cache/hub/models--org--name/snapshots/${'a'.repeat(40)}`, 'org/name'],
    [`/cache/hub/models--gpt2/snapshots/${'a'.repeat(40)}/`, 'gpt2'],
    ['/models--org--name/other/name', 'name'],
  ])('calls %s %s', (dir, name) => expect(modelName(dir)).toBe(name));
});
