import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createOutput } from '../output.ts';
import { messagesOf, nameOfAnswerer, type Conversation } from './conversation.ts';
import { talk, type Answerer } from './talk.ts';

const start: Conversation = {
  model: undefined,
  adapters: [],
  system: 'Be brief.',
  turns: [],
  drawing: { temperature: 0, topP: 1, maxTokens: 8 },
};

/** Answers with who answers and how many messages came. */
const counting: Answerer = {
  isServer: false,
  known: async () => ['kind'],
  async *answer(conversation) {
    if (messagesOf(conversation).at(-1)?.content === 'break') throw new Error('it broke');
    yield `${nameOfAnswerer(conversation)}:`;
    yield String(messagesOf(conversation).length);
  },
};

let ending = new AbortController();

async function run(lines: readonly string[], answerer = counting, json = false) {
  let [stdout, stderr] = ['', ''];
  const streams = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  };
  const left = [...lines];
  const prompts: string[] = [];
  const terminal = {
    line: async (prompt: string) => {
      prompts.push(prompt);
      return left.shift();
    },
    begin: () => {
      ending = new AbortController();
      return ending.signal;
    },
  };
  const { signal } = new AbortController();
  await talk(start, { answerer, terminal, output: createOutput(streams, { json }), signal });
  return { stdout, stderr, prompts };
}

describe('talk', () => {
  it('answers with the whole conversation, by the adapter that is chosen now', async () => {
    const { stdout, prompts } = await run(['Hello', '/adapter kind', 'And now?', '/quit', 'not read']);
    expect(stdout).toBe('base:2\nkind:4\n');
    expect(prompts).toEqual(['base> ', 'base> ', 'kind> ', 'kind> ']);
  });

  it('joins lines that go on', async () => {
    const { stdout, prompts } = await run(['Hello \\', 'you', '/quit'], counting, true);
    expect(JSON.parse(stdout)).toMatchObject({ question: 'Hello \nyou', text: 'base:2', ended: false });
    expect(prompts[1]).toBe('... ');
  });

  it('tells an error of an answer, and goes on as if the question had not been asked', async () => {
    const { stdout, stderr } = await run(['break', 'Hello']);
    expect(stderr).toContain('it broke');
    expect(stdout).toBe('base:2\n');
  });

  it('keeps what came of an answer that the person ended', async () => {
    const stopped: Answerer = {
      ...counting,
      async *answer(conversation) {
        if (conversation.turns.length > 1) return yield* counting.answer(conversation, new AbortController().signal);
        yield 'so';
        ending.abort();
        throw new Error('ended');
      },
    };
    const { stdout, stderr } = await run(['Hello', 'Go on'], stopped);
    expect(stderr).toBe('');
    expect(stdout).toBe('so\nbase:4\n');
  });

  it('adds a row that the trainer reads to a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-chat-'));
    try {
      const file = join(folder, 'rows.jsonl');
      await run(['Hello', `/save ${file}`]);
      expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hello' },
          { role: 'assistant', content: 'base:2' },
        ],
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
