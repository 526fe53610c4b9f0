import type { Fields } from '../../chat/index.ts';

/** A place in a body: fields and indices. */
export type Place = readonly (string | number)[];

/** One message of a conversation in OpenAI's form, and where the client wrote it. */
export interface Turn {
  readonly message: Fields & { readonly role: string };
  readonly place: Place;
}

/**
 * Joins turns of one role that follow each other, as Anthropic's API does it: many templates refuse two in a row. Their texts are
 * divided by an empty line. Results of tools stay alone.
 */
export function joinTurns(turns: readonly Turn[]): readonly Turn[] {
  const joined: Turn[] = [];
  for (const turn of turns) {
    const last = joined.at(-1);
    if (last === undefined || last.message.role !== turn.message.role || turn.message.role === 'tool') {
      joined.push(turn);
    } else {
      joined.splice(-1, 1, { place: last.place, message: joinMessages(last.message, turn.message) });
    }
  }
  return joined;
}

function joinMessages(first: Turn['message'], second: Turn['message']): Turn['message'] {
  const content = joinTexts(first['content'], second['content']);
  const reasoning = joinTexts(first['reasoning_content'], second['reasoning_content']);
  const calls = [first['tool_calls'], second['tool_calls']].flatMap((some) => (Array.isArray(some) ? some : []));
  return {
    role: first.role,
    content,
    ...(reasoning !== null && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** @returns null where there is no text */
function joinTexts(...texts: readonly unknown[]): string | null {
  const words = texts.filter((text) => typeof text === 'string' && text !== '');
  return words.length === 0 ? null : words.join('\n\n');
}
