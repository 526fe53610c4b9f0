import type { Tokenizer } from '../../src/tokenizer/index.ts';

export function differences(
  tokenizer: Tokenizer,
  line: unknown,
): Iterable<readonly [string, unknown, unknown, unknown]>;
