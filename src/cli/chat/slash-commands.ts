import { didYouMean } from '../../core/index.ts';
import { withoutLast, type AdapterUse, type Conversation, type Drawing } from './conversation.ts';

/** What a line of the terminal asks for. */
export type Step =
  /** The conversation changed, or something is to be said. */
  | { readonly kind: 'say'; readonly conversation: Conversation; readonly text: string }
  | { readonly kind: 'ask'; readonly conversation: Conversation; readonly question: string }
  | { readonly kind: 'save'; readonly conversation: Conversation; readonly file: string }
  | { readonly kind: 'quit' };

export interface StepOptions {
  /** Names that can be chosen by `/adapter`. */
  readonly known: readonly string[];
  /** Whether the adapters are the models of a server, of which one answers at its full strength. */
  readonly isServer: boolean;
}

interface SlashCommand {
  readonly words: string;
  readonly help: string;
  run(rest: string, conversation: Conversation, options: StepOptions): Step;
}

const commands: Readonly<Record<string, SlashCommand>> = {
  adapter: {
    words: '/adapter [NAME[=SCALE] ...]',
    help: 'answer with these adapters from now on; without a name, by the base',
    run: chooseAdapters,
  },
  adapters: {
    words: '/adapters',
    help: 'list what can be chosen',
    run: (_, conversation, { known }) => say(conversation, known.length === 0 ? 'There is none.' : known.join('\n')),
  },
  system: {
    words: '/system [TEXT]',
    help: 'put a text before the conversation, or take it away',
    run: (rest, conversation) => {
      return say({ ...conversation, system: rest === '' ? undefined : rest }, rest === '' ? 'No system text.' : 'Set.');
    },
  },
  set: { words: '/set temperature|top-p|max-tokens VALUE', help: 'how answers are drawn', run: setDrawing },
  again: {
    words: '/again',
    help: 'ask the last question again, of whoever answers now',
    run: (_, conversation) => {
      const last = withoutLast(conversation);
      return last ? { kind: 'ask', ...last } : say(conversation, 'Nothing was asked yet.');
    },
  },
  undo: {
    words: '/undo',
    help: 'forget the last question and its answer',
    run: (_, conversation) => {
      const last = withoutLast(conversation);
      return last ? say(last.conversation, 'Forgotten.') : say(conversation, 'Nothing was asked yet.');
    },
  },
  clear: {
    words: '/clear',
    help: 'begin anew; adapters, system text and settings stay',
    run: (_, conversation) => say({ ...conversation, turns: [] }, 'Forgotten.'),
  },
  save: {
    words: '/save FILE',
    help: 'add the conversation to a JSONL file, as a row that `espalier train` reads',
    run: (rest, conversation) => {
      if (rest === '') return say(conversation, 'Name the file: /save rows.jsonl');
      if (conversation.turns.length === 0) return say(conversation, 'Nothing was asked yet.');
      return { kind: 'save', conversation, file: rest };
    },
  },
  help: { words: '/help', help: 'this list', run: (_, conversation) => say(conversation, helpText()) },
  quit: { words: '/quit', help: 'end; Ctrl-D does it too', run: () => ({ kind: 'quit' }) },
};

/** Decides what a line asks for. A line that begins with `/` is a command; `//` asks a question that begins with `/`. */
export function stepOf(line: string, conversation: Conversation, options: StepOptions): Step {
  const text = line.trim();
  if (text === '') return say(conversation, '');
  if (!text.startsWith('/') || text.startsWith('//')) {
    return { kind: 'ask', conversation, question: text.startsWith('//') ? text.slice(1) : text };
  }
  const [, name = '', rest = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(text) ?? [];
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return command.run(rest, conversation, options);
  return say(conversation, `There is no /${name}.${didYouMean(name, Object.keys(commands))} /help lists all.`);
}

function helpText(): string {
  const widest = Math.max(...Object.values(commands).map(({ words }) => words.length));
  const lines = Object.values(commands).map(({ words, help }) => `${words.padEnd(widest)}  ${help}`);
  return [...lines, 'A line that ends with \\ goes on in the next one. Ctrl-C ends an answer.'].join('\n');
}

function say(conversation: Conversation, text: string): Step {
  return { kind: 'say', conversation, text };
}

function chooseAdapters(rest: string, conversation: Conversation, { known, isServer }: StepOptions): Step {
  const uses: AdapterUse[] = [];
  for (const word of rest.split(/\s+/).filter((one) => one !== '')) {
    const [name, scale] = splitScale(word);
    if (!known.includes(name)) return say(conversation, `There is no ${name}.${didYouMean(name, known)}`);
    if (!Number.isFinite(scale)) return say(conversation, `${word} has no number after the "=".`);
    if (isServer && (scale !== 1 || uses.length > 0)) {
      return say(conversation, 'A server answers by one model at its full strength: /adapter NAME');
    }
    uses.push({ name, scale });
  }
  const chosen = isServer
    ? { ...conversation, model: uses[0]?.name ?? conversation.model }
    : { ...conversation, adapters: uses };
  return say(chosen, '');
}

function splitScale(word: string): readonly [name: string, scale: number] {
  const at = word.lastIndexOf('=');
  if (at <= 0) return [word, 1];
  const scale = word.slice(at + 1);
  return [word.slice(0, at), scale === '' ? Number.NaN : Number(scale)];
}

const settings: Readonly<
  Record<string, { readonly key: keyof Drawing; readonly expected: string; allows(value: number): boolean }>
> = {
  temperature: { key: 'temperature', expected: 'a number, 0 or more', allows: (value) => value >= 0 && value <= 100 },
  'top-p': { key: 'topP', expected: 'a number above 0, at most 1', allows: (value) => value > 0 && value <= 1 },
  'max-tokens': {
    key: 'maxTokens',
    expected: 'a whole number above 0',
    allows: (value) => Number.isSafeInteger(value) && value > 0,
  },
};

function setDrawing(rest: string, conversation: Conversation): Step {
  const [name = '', value = ''] = rest.split(/\s+/);
  const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
  if (setting === undefined) {
    const { temperature, topP, maxTokens } = conversation.drawing;
    const now = `temperature ${temperature}, top-p ${topP}, max-tokens ${maxTokens ?? 'not set'}`;
    return say(conversation, name === '' ? now : `There is no ${name}.${didYouMean(name, Object.keys(settings))}`);
  }
  const number = value === '' ? Number.NaN : Number(value);
  if (!setting.allows(number)) return say(conversation, `${name} expects ${setting.expected}.`);
  return say({ ...conversation, drawing: { ...conversation.drawing, [setting.key]: number } }, 'Set.');
}
