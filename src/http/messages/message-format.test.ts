import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import type { AnswerFormat, StreamEvent } from '../answering/answer-format.ts';
import { collect, type Piece } from '../../answering/index.ts';
import { messageFormat } from './message-format.ts';

const head = {
  id: '01-23',
  created: 1,
  model: 'strict',
  version: 'v1',
  answeredBy: { espalier: { adapter: 'strict', version: 'v1' } },
  promptTokens: 5,
};
const usage = { promptTokens: 5, cachedTokens: 2, completionTokens: 7, reasoningTokens: 2 };

function formatOf(options: { stops?: readonly string[]; showsThoughts?: boolean } = {}): AnswerFormat {
  return messageFormat(head, { stops: [], showsThoughts: true, requestId: 'r1', ...options });
}

const piece = (fields: Partial<Piece>): Piece => ({ text: '', tokenIds: [1], generated: 1, ...fields });
const pieces: readonly Piece[] = [
  piece({ reasoning: 'Hm' }),
  piece({ reasoning: '.' }),
  piece({ text: 'Let me' }),
  piece({ text: ' see.' }),
  piece({ toolCalls: [{ index: 0, id: 'call_a', name: 'weather', arguments: '' }] }),
  piece({ toolCalls: [{ index: 0, arguments: '{"city":' }] }),
  piece({ toolCalls: [{ index: 0, arguments: '"Bern"}' }] }),
  piece({ toolCalls: [{ index: 1, id: 'b', name: 'time', arguments: '{}' }], finishReason: 'tool_calls' }),
];

async function wholeOf(format: AnswerFormat, parts: readonly Piece[]): Promise<object> {
  async function* each(): AsyncIterable<Piece> {
    yield* parts;
  }
  return format.whole([await collect(each())], usage);
}

function streamOf(format: AnswerFormat, parts: readonly Piece[]): readonly StreamEvent[] {
  return [...format.begin(0), ...parts.flatMap((part) => format.piece(0, part)), ...format.end(usage)];
}

interface Data {
  readonly type: string;
  readonly index?: number;
  readonly delta?: Readonly<Record<string, string>>;
  readonly content_block?: Readonly<Record<string, unknown>>;
  readonly message?: object;
}

/** What a client makes of the events: the message as a whole. */
function gathered(events: readonly StreamEvent[]): object {
  let message: Record<string, unknown> = {};
  const blocks: Record<string, unknown>[] = [];
  const texts: string[] = [];
  for (const { name, data } of events) {
    if (typeof data === 'string') throw new Error('no object');
    const { type, index = 0, delta = {}, content_block: block, message: begun } = data as Data;
    expect(name).toBe(type);
    if (begun !== undefined) message = { ...begun };
    if (block !== undefined) [blocks[index], texts[index]] = [{ ...block }, ''];
    const added = delta['text'] ?? delta['thinking'] ?? delta['partial_json'];
    if (added !== undefined) texts[index] += added;
    if (type === 'content_block_stop') {
      const closed = blocks[index] ?? {};
      if (closed['type'] === 'tool_use') closed['input'] = JSON.parse(texts[index] ?? '') as unknown;
      else closed[closed['type'] === 'text' ? 'text' : 'thinking'] = texts[index];
    }
    if (type === 'message_delta') message = { ...message, ...delta, usage: (data as { usage?: object }).usage };
  }
  return { ...message, content: blocks };
}

describe('a message', () => {
  it('has its thoughts, its text and its calls as blocks', async () => {
    expect(await wholeOf(formatOf(), pieces)).toEqual({
      id: 'msg_0123',
      type: 'message',
      role: 'assistant',
      model: 'strict',
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: '' },
        { type: 'text', text: 'Let me see.' },
        { type: 'tool_use', id: 'toolu_a', name: 'weather', input: { city: 'Bern' } },
        { type: 'tool_use', id: 'toolu_b', name: 'time', input: {} },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: {
        input_tokens: 3,
        output_tokens: 7,
        output_tokens_details: { thinking_tokens: 2 },
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 2,
      },
      espalier: { adapter: 'strict', version: 'v1' },
    });
  });

  it('is the same as a stream, of which each block begins and ends once', async () => {
    const events = streamOf(formatOf(), pieces);
    expect(gathered(events)).toEqual(await wholeOf(formatOf(), pieces));
    const names = events.map(({ name }) => name).filter((name) => name !== 'content_block_delta');
    const block = ['content_block_start', 'content_block_stop'];
    const first = ['content_block_start', 'ping', 'content_block_stop'];
    expect(names).toEqual(['message_start', ...first, ...block, ...block, ...block, 'message_delta', 'message_stop']);
  });

  it('hides thoughts that are not wanted', async () => {
    const format = formatOf({ showsThoughts: false });
    expect(JSON.stringify(streamOf(format, pieces))).not.toMatch(/"thinking(_delta)?"/);
    expect(JSON.stringify(await wholeOf(format, pieces))).not.toContain('"thinking"');
  });

  it.each<[Partial<Piece>, string, string | null]>([
    [{ finishReason: 'stop' }, 'end_turn', null],
    [{ finishReason: 'length' }, 'max_tokens', null],
    [{ finishReason: 'stop', stopString: 'END' }, 'stop_sequence', 'END'],
    [{ finishReason: 'stop', stopString: '<|mark|>' }, 'end_turn', null],
  ])('says why it ended: %j', async (fields, reason, sequence) => {
    const format = formatOf({ stops: ['END'] });
    const told = { stop_reason: reason, stop_sequence: sequence };
    expect(await wholeOf(format, [piece(fields)])).toMatchObject(told);
    expect(gathered(streamOf(formatOf({ stops: ['END'] }), [piece(fields)]))).toMatchObject(told);
  });

  it('tells of an error within a stream as an event', () => {
    const error = new EspalierError('SHUTTING_DOWN', {});
    expect(formatOf().failed(error)).toMatchObject([
      { name: 'error', data: { type: 'error', error: { type: 'overloaded_error' }, request_id: 'r1' } },
    ]);
  });

  it('has no input where a call was cut', async () => {
    const cut = piece({ toolCalls: [{ index: 0, id: 'a', name: 'f', arguments: '{"x"' }], finishReason: 'length' });
    expect(await wholeOf(formatOf(), [cut])).toMatchObject({
      content: [{ name: 'f', input: {} }],
      stop_reason: 'max_tokens',
    });
  });
});
