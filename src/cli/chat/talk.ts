import { appendFile } from 'node:fs/promises';
import { messageOf } from '../../core/index.ts';
import type { Output } from '../output.ts';
import { messagesOf, nameOfAnswerer, withTurn, type Conversation } from './conversation.ts';
import { stepOf } from './slash-commands.ts';

/** Answers a conversation, in this process or on a server. */
export interface Answerer {
  readonly isServer: boolean;
  /** What `/adapter` can choose, at this moment. */
  known(): Promise<readonly string[]>;
  answer(conversation: Conversation, signal: AbortSignal): AsyncIterable<string>;
}

/** Where lines come from. */
export interface Terminal {
  /** The next line; undefined at the end of the input. @param prompt  shown where a person types */
  line(prompt: string): Promise<string | undefined>;
  /** Aborts when the person wants the answer under way to end. */
  begin(): AbortSignal;
}

export interface TalkOptions {
  readonly answerer: Answerer;
  readonly terminal: Terminal;
  readonly output: Output;
  /** Ends the conversation. */
  readonly signal: AbortSignal;
}

/** Reads lines and answers them until the input ends. An error of one answer is told, and the conversation goes on without it. */
export async function talk(start: Conversation, options: TalkOptions): Promise<void> {
  const { answerer, terminal, output, signal } = options;
  let conversation = start;
  while (!signal.aborted) {
    const line = await wholeLine(terminal, `${nameOfAnswerer(conversation)}> `);
    if (line === undefined) return;
    const { isServer } = answerer;
    const step = stepOf(line, conversation, { known: await answerer.known(), isServer });
    if (step.kind === 'quit') return;
    conversation = step.conversation;
    if (step.kind === 'say' && step.text !== '') output.note(step.text);
    if (step.kind === 'save') await save(step.conversation, step.file, output);
    if (step.kind === 'ask') conversation = await ask(conversation, step.question, options);
  }
}

/** A line, and those that it goes on in. */
async function wholeLine(terminal: Terminal, prompt: string): Promise<string | undefined> {
  let whole = '';
  for (;;) {
    const line = await terminal.line(whole === '' ? prompt : '... ');
    if (line === undefined) return whole === '' ? undefined : whole;
    if (!line.endsWith('\\')) return whole + line;
    whole += `${line.slice(0, -1)}\n`;
  }
}

async function ask(
  conversation: Conversation,
  question: string,
  { answerer, terminal, output }: TalkOptions,
): Promise<Conversation> {
  const asked = withTurn(conversation, { role: 'user', content: question });
  const ending = terminal.begin();
  let text = '';
  try {
    for await (const piece of answerer.answer(asked, ending)) {
      text += piece;
      output.stream(piece);
    }
  } catch (error) {
    if (!ending.aborted) {
      output.stream(text === '' ? '' : '\n');
      output.note(messageOf(error));
      return conversation;
    }
  }
  const answered = withTurn(asked, { role: 'assistant', content: text });
  output.answer({ answerer: nameOfAnswerer(conversation), question, text, ended: ending.aborted }, () => '');
  return answered;
}

async function save(conversation: Conversation, file: string, output: Output): Promise<void> {
  try {
    await appendFile(file, `${JSON.stringify({ messages: messagesOf(conversation) })}\n`);
    output.note(`Added to ${file}.`);
  } catch (error) {
    output.note(`${file} cannot be written: ${messageOf(error)}`);
  }
}
