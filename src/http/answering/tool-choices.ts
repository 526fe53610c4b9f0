import type { z } from 'zod';
import { describeValue, isFields } from '../../chat/index.ts';
import type { ToolChoice } from '../../answering/index.ts';
import { reader } from './request-readers.ts';

const words: readonly unknown[] = ['auto', 'none', 'required'];

/**
 * `tool_choice` in OpenAI's forms: a word, `{"type": "function", "function": {"name"}}`, or the same with the name beside the type, as the
 * Responses API has it.
 */
export const toolChoices: z.ZodType<ToolChoice> = reader((value) => {
  if (words.includes(value)) return { value: value as ToolChoice };
  const name = isFields(value) && value['type'] === 'function' ? nameOf(value['function'] ?? value) : undefined;
  if (name !== undefined) return { value: { name } };
  const got = isFields(value) ? `an object of type ${describeValue(value['type'])}` : describeValue(value);
  return {
    problem: `"none", "auto", "required" or {"type": "function", "function": {"name"}} is expected, got ${got}`,
  };
});

/** OpenAI's older `function_call`: a word, or `{"name"}`. */
export const functionChoices: z.ZodType<ToolChoice> = reader<ToolChoice>((value) => {
  if (value === 'auto' || value === 'none') return { value };
  const name = nameOf(value);
  if (name !== undefined) return { value: { name } };
  return { problem: `"none", "auto" or {"name"} is expected, got ${describeValue(value)}` };
});

function nameOf(value: unknown): string | undefined {
  const name = isFields(value) ? value['name'] : undefined;
  return typeof name === 'string' && name !== '' ? name : undefined;
}
