import { z } from 'zod';
import { describeValue, FieldProblem, isFields, readEach } from '../../chat/index.ts';
import type { ContentPart, InputText } from './items.ts';
import { readWith } from './read-with.ts';

/** WHY a limit: an item keeps an object for each. */
const maxParts = 256;

const schemas = {
  input_text: z.object({ type: z.literal('input_text'), text: z.string() }),
  output_text: z
    .object({ type: z.literal('output_text'), text: z.string() })
    .transform((part): ContentPart => ({ ...part, annotations: [] })),
  refusal: z.object({ type: z.literal('refusal'), refusal: z.string() }),
} as const satisfies Readonly<Record<ContentPart['type'], z.ZodType<ContentPart>>>;

/** What other parts hold, as an error names it. */
const unread: Readonly<Record<string, string>> = {
  input_image: 'images',
  computer_screenshot: 'images',
  input_file: 'files',
  input_audio: 'audio',
  output_audio: 'audio',
};

/** Reads the parts of a message. An empty list is a message without words. */
export function readParts(value: unknown): readonly ContentPart[] | FieldProblem {
  return readList(value, ['input_text', 'output_text', 'refusal']);
}

/** Reads a list of texts, as the output of a function may be one. */
export function readInputTexts(value: unknown): readonly InputText[] | FieldProblem {
  const parts = readList(value, ['input_text']);
  if (parts instanceof FieldProblem) return parts;
  return parts.filter((part) => part.type === 'input_text');
}

function readList(value: unknown, types: readonly ContentPart['type'][]): readonly ContentPart[] | FieldProblem {
  if (!Array.isArray(value)) {
    return new FieldProblem([], `a text or a list of parts is expected, got ${describeValue(value)}`);
  }
  if (value.length > maxParts) {
    return new FieldProblem([], `${value.length} parts came, and at most ${maxParts} are taken`);
  }
  return readEach(value, (part) => readPart(part, types));
}

function readPart(part: unknown, types: readonly ContentPart['type'][]): ContentPart | FieldProblem {
  if (!isFields(part)) return new FieldProblem([], `a part is an object, got ${describeValue(part)}`);
  const { type } = part;
  const known = types.find((one) => one === type);
  if (known !== undefined) return readWith(schemas[known], part);
  const what = typeof type === 'string' && Object.hasOwn(unread, type) ? unread[type] : undefined;
  const rest = what === undefined ? '' : `; ${what} are not read here`;
  return new FieldProblem(['type'], `${types.join(' or ')} is expected, got ${describeValue(type)}${rest}`);
}
