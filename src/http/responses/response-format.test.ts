import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import type { Piece, NamedToken } from '../../answering/index.ts';
import type { OutputItem } from './items.ts';
import type { ResponseBody } from './response-body.ts';
import { ResponseFormat } from './response-format.ts';

const head = {
  id: '00000000-0000-4000-8000-000000000001',
  created: 7,
  model: 'base',
  version: undefined,
  answeredBy: {},
  promptTokens: 3,
};
const usage = { promptTokens: 3, completionTokens: 5, reasoningTokens: 2, cachedTokens: 1 };

const piece = (given: Partial<Piece>): Piece => ({ text: '', tokenIds: [1], generated: 1, ...given });
const token = (text: string): NamedToken => ({
  text,
  bytes: [...new TextEncoder().encode(text)],
  offset: 0,
  logprob: -1,
  top: [{ text: 'x', bytes: null, logprob: -2 }],
});

interface Written {
  readonly type: string;
  readonly sequence_number: number;
  readonly output_index?: number;
  readonly item?: OutputItem;
  readonly item_id?: string;
  readonly delta?: string;
  readonly text?: string;
  readonly arguments?: string;
  readonly logprobs?: object[];
  readonly part?: { readonly text: string };
  readonly response?: { readonly id: string; readonly output: OutputItem[] } & Record<string, unknown>;
}

function formatOf(fields: Partial<ResponseBody> = {}): { format: ResponseFormat; ended: object[] } {
  const body = { model: 'base', input: [], tool_choice: undefined, ...fields } as ResponseBody;
  const ended: object[] = [];
  const format = new ResponseFormat({ head, body, isKept: true, ended: (response) => ended.push(response) });
  return { format, ended };
}

/** All events of a stream, as the client gets them. Each must be named by its type. */
function streamed(pieces: readonly Piece[], fields: Partial<ResponseBody> = {}): Written[] {
  const { format } = formatOf(fields);
  const events = [...format.begin(), ...pieces.flatMap((one) => format.piece(0, one)), ...format.end(usage)];
  return events.map(({ name, data }) => {
    const written = JSON.parse(JSON.stringify(data)) as Written;
    expect(name).toBe(written.type);
    return written;
  });
}

const call = (index: number, text: string, first?: { id: string; name: string }): Piece =>
  piece({ toolCalls: [{ index, arguments: text, ...first }] });

/** A turn with thoughts, words and two calls. */
const turn = [
  piece({ reasoning: 'h' }),
  piece({ reasoning: 'm' }),
  piece({ text: 'Let' }),
  piece({ text: ' me' }),
  call(0, '', { id: 'call_1', name: 'f' }),
  call(0, '{"n":'),
  call(0, '1}'),
  call(1, '{}', { id: 'call_2', name: 'g' }),
  piece({ finishReason: 'tool_calls' }),
];

describe('the events of a response', () => {
  it('come in the order of the API, numbered', () => {
    const events = streamed(turn);
    expect(events.map(({ type, output_index: index }) => (index === undefined ? type : `${index} ${type}`))).toEqual([
      'response.created',
      'response.in_progress',
      '0 response.output_item.added',
      '0 response.content_part.added',
      '0 response.reasoning_text.delta',
      '0 response.reasoning_text.delta',
      '0 response.reasoning_text.done',
      '0 response.content_part.done',
      '0 response.output_item.done',
      '1 response.output_item.added',
      '1 response.content_part.added',
      '1 response.output_text.delta',
      '1 response.output_text.delta',
      '1 response.output_text.done',
      '1 response.content_part.done',
      '1 response.output_item.done',
      '2 response.output_item.added',
      '2 response.function_call_arguments.delta',
      '2 response.function_call_arguments.delta',
      '2 response.function_call_arguments.done',
      '2 response.output_item.done',
      '3 response.output_item.added',
      '3 response.function_call_arguments.delta',
      '3 response.function_call_arguments.done',
      '3 response.output_item.done',
      'response.completed',
    ]);
    expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, place) => place));
  });

  it('end with the whole response', () => {
    const events = streamed(turn);
    expect(events.at(-1)?.response).toMatchObject({
      id: 'resp_00000000000040008000000000000001',
      status: 'completed',
      output: [
        { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'hm' }], status: 'completed' },
        {
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: 'Let me', annotations: [] }],
        },
        { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{"n":1}', status: 'completed' },
        { type: 'function_call', call_id: 'call_2', name: 'g', arguments: '{}', status: 'completed' },
      ],
      usage: {
        input_tokens: 3,
        input_tokens_details: { cached_tokens: 1 },
        output_tokens: 5,
        output_tokens_details: { reasoning_tokens: 2 },
        total_tokens: 8,
      },
    });
    expect(events[0]?.response).toMatchObject({ status: 'in_progress', output: [], usage: null, completed_at: null });
  });

  it('say what was cut', () => {
    const last = streamed([piece({ text: 'a', finishReason: 'length' })]).at(-1);
    expect(last?.type).toBe('response.incomplete');
    expect(last?.response).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      completed_at: null,
      output: [{ type: 'message', status: 'incomplete' }],
    });
    const cutCall = streamed([call(0, '{"n"', { id: 'c', name: 'f' }), piece({ finishReason: 'length' })]).at(-1);
    expect(cutCall?.response?.output).toMatchObject([{ arguments: '{"n"', status: 'incomplete' }]);
  });

  it('give a message without words for an answer without any', () => {
    const events = streamed([piece({ finishReason: 'stop' })]);
    expect(events.map(({ type }) => type).slice(2, -1)).toEqual([
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
    ]);
  });

  it('tell an error after the first byte, with what was written', () => {
    const { format, ended } = formatOf();
    format.begin();
    format.piece(0, piece({ text: 'a' }));
    const error = new EspalierError('ADAPTER_SILENT', { name: 'n', version: 'v', seconds: 1 });
    expect(format.failed(error)).toMatchObject([
      {
        name: 'response.failed',
        data: {
          sequence_number: 5,
          response: {
            status: 'failed',
            error: { code: 'server_error', type: 'adapter_silent' },
            output: [{ type: 'message', status: 'incomplete', content: [{ text: 'a' }] }],
            usage: null,
          },
        },
      },
    ]);
    expect(ended).toEqual([]);
    const early = formatOf().format.failed(error);
    expect(early.map(({ name }) => name)).toEqual(['response.created', 'response.in_progress', 'response.failed']);
  });

  it('agree with each other and with the whole answer, whatever the model writes', () => {
    const written = fc.oneof(
      fc.record({ reasoning: fc.string({ minLength: 1, maxLength: 3 }) }),
      fc.record({ text: fc.string({ maxLength: 3 }) }),
      fc.record({ calls: fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 3 }) }),
    );
    fc.assert(
      fc.property(fc.array(written, { maxLength: 12 }), fc.boolean(), (parts, isCut) => {
        let index = 0;
        const pieces = parts.flatMap((part) => {
          if (!('calls' in part)) return [piece(part)];
          const first = { id: `call_${index}`, name: 'f' };
          const begun = part.calls.map((text, at) => call(index, text, at === 0 ? first : undefined));
          index++;
          return begun;
        });
        const events = streamed([...pieces, piece({ finishReason: isCut ? 'length' : 'stop' })]);
        const { output = [] } = events.at(-1)?.response ?? {};
        const done = events.filter(({ type }) => type === 'response.output_item.done');
        expect(done.map(({ item }) => item)).toEqual(output);
        for (const [place, item] of output.entries()) {
          const own = events.filter((event) => event.output_index === place);
          const deltas = own.map(({ delta = '' }) => delta).join('');
          expect([item.type, deltas]).toEqual([item.type, textOf(item)]);
          expect(new Set(own.map((event) => event.item_id ?? event.item?.id))).toEqual(new Set([item.id]));
          expect(own[0]?.type).toBe('response.output_item.added');
          expect(own.at(-1)?.type).toBe('response.output_item.done');
        }
      }),
    );
  });
});

function textOf(item: OutputItem): string {
  if (item.type === 'function_call') return item.arguments;
  return item.content.map((part) => ('text' in part ? part.text : '')).join('');
}

describe('log-probabilities', () => {
  const include = ['message.output_text.logprobs'] as const;
  const told = (text: string): object => ({
    token: text,
    bytes: [...new TextEncoder().encode(text)],
    logprob: -1,
    top_logprobs: [{ token: 'x', bytes: [], logprob: -2 }],
  });
  const pieces = [
    piece({ reasoning: 'hm', logprobs: [token('hm')] }),
    piece({ logprobs: [token('a')] }),
    piece({ text: 'ab', logprobs: [token('b')] }),
    piece({ logprobs: [token('end')], finishReason: 'stop' }),
  ];

  it.each([{ include: [...include] }, { top_logprobs: 1 }])('come with the text of their tokens: %j', (asked) => {
    const events = streamed(pieces, asked);
    const deltas = events.filter(({ type }) => type === 'response.output_text.delta');
    expect(deltas.map(({ delta, logprobs }) => [delta, logprobs])).toEqual([
      ['ab', [told('a'), told('b')]],
      ['', [told('end')]],
    ]);
    const all = [told('a'), told('b'), told('end')];
    expect(events.find(({ type }) => type === 'response.output_text.done')?.logprobs).toEqual(all);
    expect(events.at(-1)?.response?.output[1]).toMatchObject({ content: [{ text: 'ab', logprobs: all }] });
  });

  it('are left out where none were asked for', () => {
    const events = streamed(pieces.map(({ logprobs: _logprobs, ...rest }) => rest));
    expect(events.filter(({ logprobs }) => logprobs !== undefined && logprobs.length > 0)).toEqual([]);
    expect(JSON.stringify(events.at(-1)?.response?.output)).not.toContain('logprobs');
  });
});

it('thoughts come in the form in which clients send them back, if that is asked for', () => {
  const last = streamed([piece({ reasoning: 'hm' })], { include: ['reasoning.encrypted_content'] }).at(-1);
  expect(last?.response?.output[0]).toMatchObject({ encrypted_content: expect.stringContaining('espalier') as string });
});
