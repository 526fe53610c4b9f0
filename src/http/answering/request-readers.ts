import { z } from 'zod';
import {
  describeValue,
  FieldProblem,
  readFunctions,
  readMessages,
  readTools,
  type ReadMessagesOptions,
  type Tool,
} from '../../chat/index.ts';
import type { ChatMessage } from '../../tokenizer/index.ts';
import type { TextOrTokens } from '../../answering/index.ts';
import { isTokenId, parseTokenId } from '../../service/index.ts';

/**
 * Readers of lists in requests. WHY by hand: they check the length of a list before its elements, and stop at the first wrong element.
 * A schema would visit millions of elements and report each of them.
 */

/** Most choices of one request: the number that an engine lets one caller have waiting. A larger request could never be accepted. */
export const maxChoices = 512;

/** An error in a value, and its place. */
interface Problem {
  readonly problem: string;
  readonly path?: readonly (string | number)[];
}

/** Token ids, at most `most` of them. */
export function tokenIdList(most: number): z.ZodType<readonly number[]> {
  return reader<readonly number[]>((value) => {
    if (!Array.isArray(value)) return { problem: `a list of token ids is expected, got ${describeValue(value)}` };
    if (value.length > most) return { problem: `${value.length} token ids came, and at most ${most} are taken` };
    return firstWrongId(value, []) ?? { value: value as readonly number[] };
  });
}

/** A text, token ids, or a list of either, none empty. The result is always a list, and says whether a single one was given. */
export interface Texts {
  readonly texts: readonly TextOrTokens[];
  readonly isOne: boolean;
}

function notTexts(value: unknown, path: readonly number[] = []): Problem {
  return {
    problem: `a text, token ids, or a list of either is expected, none empty, got ${describeValue(value)}`,
    path,
  };
}

export function textsOrTokens(most: number): z.ZodType<Texts> {
  return reader<Texts>((value) => {
    if (typeof value === 'string') return { value: { texts: [value], isOne: true } };
    if (!Array.isArray(value) || value.length === 0) return notTexts(value);
    const list: readonly unknown[] = value;
    if (typeof list[0] === 'number') {
      return firstWrongId(list, []) ?? { value: { texts: [list as readonly number[]], isOne: true } };
    }
    if (list.length > most) return { problem: `${list.length} came, and at most ${most} are taken` };
    for (const [place, one] of list.entries()) {
      if (typeof one === 'string' && typeof list[0] === 'string') continue;
      if (!Array.isArray(one) || one.length === 0 || typeof list[0] === 'string') {
        return notTexts(one, [place]);
      }
      const wrong = firstWrongId(one, [place]);
      if (wrong !== undefined) return wrong;
    }
    return { value: { texts: list as readonly TextOrTokens[], isOne: false } };
  });
}

/** The limit of OpenAI's API. */
const maxBiases = 1024;

/** Biases that are added to the logits of tokens. */
export const logitBiases: z.ZodType<ReadonlyMap<number, number>> = reader((value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problem: `an object of biases by token ids is expected, got ${describeValue(value)}` };
  }
  const entries = Object.entries(value);
  if (entries.length > maxBiases) return { problem: `${entries.length} came, and at most ${maxBiases} are taken` };
  const biases = new Map<number, number>();
  for (const [name, bias] of entries) {
    const id = parseTokenId(name);
    if (id === undefined) return { problem: 'its keys are token ids', path: [name] };
    if (typeof bias !== 'number' || !(Math.abs(bias) <= 100)) {
      return { problem: `a number from -100 to 100 is expected, got ${describeValue(bias)}`, path: [name] };
    }
    biases.set(id, bias);
  }
  return { value: biases };
});

const maxStops = 16;
/** WHY a limit: each is searched in the held back text at every token. */
const maxStopLength = 256;

/** Strings that end an answer, none empty. */
export const stopStrings: z.ZodType<readonly string[]> = reader((value) => {
  const stops: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isSound = (stop: unknown): boolean =>
    typeof stop === 'string' && stop.length > 0 && stop.length <= maxStopLength;
  const wrong = stops.findIndex((stop) => !isSound(stop));
  if (stops.length <= maxStops && wrong < 0) return { value: stops as readonly string[] };
  const expected = `a text or up to ${maxStops} texts are expected, none empty and none longer than ${maxStopLength} characters`;
  const got = wrong < 0 ? `a list of ${stops.length}` : describeValue(stops[wrong]);
  return { path: Array.isArray(value) && wrong >= 0 ? [wrong] : [], problem: `${expected}, got ${got}` };
});

/** The messages of a chat, as they are read everywhere. */
export function chatMessages(options: ReadMessagesOptions): z.ZodType<readonly ChatMessage[]> {
  return reader<readonly ChatMessage[]>((value) => {
    const read = readMessages(value, options);
    return read instanceof FieldProblem ? read : { value: read.messages };
  });
}

/** What an assistant may call, as it is read everywhere. */
export const chatTools: z.ZodType<readonly Tool[] | undefined> = reader((value) => {
  const read = readTools(value);
  return read instanceof FieldProblem ? read : { value: read };
});

/** The same in OpenAI's older form, without the object around each. */
export const chatFunctions: z.ZodType<readonly Tool[] | undefined> = reader((value) => {
  const read = readFunctions(value);
  return read instanceof FieldProblem ? read : { value: read };
});

function firstWrongId(values: readonly unknown[], at: readonly number[]): Problem | undefined {
  const place = values.findIndex((value) => !isTokenId(value));
  if (place < 0) return undefined;
  const problem = `a token id is a whole number, 0 or more, got ${describeValue(values[place])}`;
  return { problem, path: [...at, place] };
}

/** Makes a schema of a function that reads a value by hand. */
export function reader<Value>(read: (value: unknown) => Problem | { readonly value: Value }): z.ZodType<Value> {
  return z.unknown().transform((value, context): Value => {
    const found = read(value);
    if ('value' in found) return found.value;
    context.addIssue({ code: 'custom', message: found.problem, path: [...(found.path ?? [])] });
    return z.NEVER;
  });
}
