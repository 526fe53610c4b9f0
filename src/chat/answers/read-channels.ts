import type { AnswerParts } from './answer-part.ts';
import type { AnswerSource, Reading } from './answer-source.ts';

export interface ChannelOptions {
  readonly source: AnswerSource;
  readonly parts: AnswerParts;
  /** Whether messages to functions are calls. */
  readonly takesCalls: boolean;
  /** Whether it ends with the first call. */
  readonly isSingle: boolean;
}

/** The marks of OpenAI's Harmony format. */
export const channelMarks = {
  start: '<|start|>',
  channel: '<|channel|>',
  constrain: '<|constrain|>',
  message: '<|message|>',
  end: '<|end|>',
  call: '<|call|>',
  return: '<|return|>',
} as const;

/** Several times the longest head of a message. */
const longestHead = 1024;

/**
 * Takes an answer in OpenAI's Harmony format: messages, each with a head that names its channel and its recipient. `analysis` is a
 * thought, a message to `functions.<name>` is a call, and all others are text.
 * @see https://cookbook.openai.com/articles/openai-harmony
 */
export function* readChannels({ source, parts, takesCalls, isSingle }: ChannelOptions): Reading {
  for (;;) {
    const head = yield* readHead(source);
    if (head === undefined) return;
    if (!head.isWhole) {
      // It is no head after all.
      parts.text(head.text);
      yield* readBody(source, (unit) => parts.text(unit));
      continue;
    }
    const name = /\bto=functions\.([\w.-]+)/.exec(head.text)?.[1];
    const isThought = /<\|channel\|>\s*analysis\b/.test(head.text);
    if (name !== undefined && takesCalls) {
      parts.call(name);
      yield* readBody(source, (unit) => parts.arguments(unit));
      if (isSingle) return;
      continue;
    }
    parts.isThinking = isThought;
    yield* readBody(source, (unit) => (isThought ? parts.reasoning(unit) : parts.text(unit)));
    parts.isThinking = false;
  }
}

interface Head {
  readonly text: string;
  /** Whether a body follows. */
  readonly isWhole: boolean;
}

/** @returns undefined at the end of the text */
function* readHead(source: AnswerSource): Reading<Head | undefined> {
  let text = '';
  while (text.length < longestHead) {
    if (yield* source.takes(channelMarks.message)) return { text, isWhole: true };
    const unit = yield* source.peek();
    if (unit === undefined) return text === '' ? undefined : { text, isWhole: false };
    text += unit;
    source.skip();
  }
  return { text, isWhole: false };
}

const ends = [channelMarks.end, channelMarks.call, channelMarks.return];

function* readBody(source: AnswerSource, write: (unit: string) => void): Reading {
  for (;;) {
    for (const end of ends) if (yield* source.takes(end)) return;
    const unit = yield* source.peek();
    if (unit === undefined) return;
    write(unit);
    source.skip();
  }
}
