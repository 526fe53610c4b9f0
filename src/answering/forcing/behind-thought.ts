import type { ThoughtForm } from '../../chat/index.ts';
import type { ConstraintSpec } from '../../constrain/index.ts';
import { textWithout } from './text-without.ts';
import { literalParts, type MarkTokenizer } from './literal-parts.ts';

export interface BehindThoughtOptions {
  readonly thoughts: ThoughtForm;
  /** Whether the prompt has begun a thought. If not, the model may begin one. */
  readonly isBegun: boolean;
  readonly tokenizer: MarkTokenizer;
}

/** A form behind a thought: the answer has it, and the thought is free. */
export function behindThought(
  form: ConstraintSpec,
  { thoughts: { open, close }, isBegun, tokenizer }: BehindThoughtOptions,
): ConstraintSpec {
  const space: ConstraintSpec = { kind: 'regex', pattern: String.raw`\n{0,2}` };
  const rest = [textWithout(close), ...literalParts(close, tokenizer), space, form];
  if (isBegun) return { kind: 'sequence', parts: rest };
  return { kind: 'any-of', options: [form, { kind: 'sequence', parts: [...literalParts(open, tokenizer), ...rest] }] };
}
