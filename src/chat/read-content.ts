import { describeValue, FieldProblem, isFields, readEach } from './field-problem.ts';
import { learnedNames, onlyWhole } from './read-learned.ts';

export interface ReadContentOptions {
  readonly maxParts?: number;
  /** Whether the message may have no content. */
  readonly mayBeAbsent: boolean;
}

/**
 * Reads the content of a message: a text, or a list of text parts, which are joined without anything between them.
 * @returns null where there is none and there may be none
 */
export function readContent(
  value: unknown,
  { maxParts = Infinity, mayBeAbsent }: ReadContentOptions,
): string | null | FieldProblem {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) {
    if (mayBeAbsent) return null;
    const problem = `a text is expected, got ${describeValue(value)}; only an assistant that calls tools may leave it out`;
    return new FieldProblem(['content'], problem);
  }
  if (!Array.isArray(value) || value.length === 0) {
    const problem = `a text or a list of {"type": "text", "text": ...} is expected, got ${describeValue(value)}`;
    return new FieldProblem(['content'], problem);
  }
  if (value.length > maxParts) {
    return new FieldProblem(['content'], `${value.length} parts came, and at most ${maxParts} are taken`);
  }
  const texts = readEach(value, readPart);
  return texts instanceof FieldProblem ? texts.within('content') : texts.join('');
}

function readPart(part: unknown): string | FieldProblem {
  if (isFields(part) && part['type'] === 'text' && typeof part['text'] === 'string') {
    const weighed = learnedNames.find((name) => part[name] !== undefined && part[name] !== null);
    return weighed === undefined ? part['text'] : new FieldProblem([weighed], onlyWhole);
  }
  const got = isFields(part) ? `a part of type ${describeValue(part['type'])}` : describeValue(part);
  const problem = `{"type": "text", "text": ...} is expected, got ${got}; images, audio and files are not read`;
  return new FieldProblem([], problem);
}
