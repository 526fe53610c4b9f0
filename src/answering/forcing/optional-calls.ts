import type { CallForm } from '../../chat/index.ts';
import type { ConstraintSpec } from '../../constrain/index.ts';
import { forcedCalls, type ForcedCallsOptions } from './forced-calls.ts';
import { textWithout } from './text-without.ts';

/**
 * The form of an answer that may call: any text, and in it calls that are complete and have arguments of their schemas. What begins with
 * the mark of a call becomes one.
 *
 * @returns undefined for forms without a mark of their own, in which a call cannot be told from text before it is written
 */
export function optionalCalls(options: Omit<ForcedCallsOptions, 'choice'>): ConstraintSpec | undefined {
  const { calls } = options;
  const mark = calls === 'harmony' ? '' : markOf(calls);
  if (mark === '') return undefined;
  const text = textWithout(mark);
  const called: ConstraintSpec = {
    kind: 'sequence',
    parts: [forcedCalls({ ...options, choice: 'required' }), text],
  };
  return { kind: 'sequence', parts: [text, { kind: 'repeat', part: called, least: 0, most: 1 }] };
}

/** What calls begin with, whether or not they stand in a section. */
function markOf({ sectionOpen, open }: CallForm): string {
  const [section = '', call = ''] = [`${sectionOpen}${open}`, open].map((text) => text.trim().split(/\s/)[0] ?? '');
  if (call === '') return '';
  let length = 0;
  while (length < call.length && section[length] === call[length]) length++;
  return call.slice(0, length);
}
