import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { tensorOf, typedArray, type DataType, type TensorData } from '../../tensor/index.ts';
import { datatypeOf } from './datatypes.ts';
import { writeInferAnswer } from './infer-answer.ts';
import { readInferRequest, type InferBody } from './infer-request.ts';

const readJson = (body: unknown): Promise<InferBody> => readInferRequest(Buffer.from(JSON.stringify(body)), undefined);

function input(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: 'x', shape: [2, 2], datatype: 'FP32', data: [1, 2, 3, 4], ...overrides };
}

const elements = (tensor: TensorData | undefined): unknown[] => (tensor === undefined ? [] : [...typedArray(tensor)]);

async function problemOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'nothing';
  } catch (error) {
    return EspalierError.isInstance(error) ? `${error.code} ${error.details['param']}` : `other: ${String(error)}`;
  }
}

describe('readInferRequest', () => {
  it('reads flat and nested data alike', async () => {
    const flat = await readJson({ inputs: [input()] });
    const nested = await readJson({
      inputs: [
        input({
          data: [
            [1, 2],
            [3, 4],
          ],
        }),
      ],
    });
    expect(nested.inputs).toEqual(flat.inputs);
    expect(elements(flat.inputs.get('x'))).toEqual([1, 2, 3, 4]);
  });

  it('reads strings from JSON and from bytes alike, and refuses what is none', async () => {
    const header = { name: 's', shape: [2], datatype: 'BYTES' };
    const json = await readJson({ inputs: [{ ...header, data: ['grün', ''] }] });
    const bytes = json.inputs.get('s')?.bytes ?? new Uint8Array();
    expect([...bytes]).toEqual([5, 0, 0, 0, ...Buffer.from('grün'), 0, 0, 0, 0]);
    const start = Buffer.from(JSON.stringify({ inputs: [{ ...header, parameters: { binary_data_size: 13 } }] }));
    const binary = await readInferRequest(Buffer.concat([start, bytes]), String(start.byteLength));
    expect([...(binary.inputs.get('s')?.bytes ?? [])]).toEqual([...bytes]);
    const cut = Buffer.concat([start, bytes.subarray(0, 12), Buffer.of(9)]);
    expect(await problemOf(readInferRequest(cut, String(start.byteLength)))).toBe('REQUEST_INVALID inputs.0');
    expect(await problemOf(readJson({ inputs: [{ ...header, data: ['a', 1] }] }))).toBe(
      'REQUEST_INVALID inputs.0.data.1',
    );
  });

  it.each([
    ['BYTES', 'needs 1 elements, got 2097152'],
    ['BOOL', 'a BOOL must be 0 or 1'],
  ])('lets other tasks run while it looks at megabytes of %s', async (datatype, told) => {
    const bytes = Buffer.alloc(8 * 2 ** 20);
    if (datatype === 'BOOL') bytes[bytes.length - 1] = 2;
    const shape = [datatype === 'BOOL' ? bytes.length : 1];
    const parameters = { binary_data_size: bytes.length };
    const start = Buffer.from(JSON.stringify({ inputs: [{ name: 'x', shape, datatype, parameters }] }));
    const body = Buffer.concat([start, bytes]);
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await expect(readInferRequest(body, String(start.byteLength))).rejects.toThrow(told);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  it('keeps every digit of 64-bit integers', async () => {
    const text = `{"inputs": [{"name": "12345678901234567890", "shape": [3], "datatype": "INT64",
      "data": [9223372036854775807, -9223372036854775808, 9007199254740993]}]}`;
    const { inputs } = await readInferRequest(Buffer.from(text), undefined);
    expect(elements(inputs.get('12345678901234567890'))).toEqual([
      9223372036854775807n,
      -9223372036854775808n,
      9007199254740993n,
    ]);
  });

  it('reads tensors as bytes behind the JSON, beside tensors in it', async () => {
    const bytes = Buffer.from(new Float32Array([5, 6]).buffer);
    const binary = { name: 'b', shape: [2], datatype: 'FP32', parameters: { binary_data_size: 8 } };
    const json = Buffer.from(JSON.stringify({ id: 'one', inputs: [binary, input()] }));
    const body = await readInferRequest(Buffer.concat([json, bytes]), String(json.byteLength));
    expect([elements(body.inputs.get('b')), elements(body.inputs.get('x')), body.id]).toEqual([
      [5, 6],
      [1, 2, 3, 4],
      'one',
    ]);
  });

  it.each([
    { why: 'fewer elements than the shape', body: input({ data: [1, 2, 3] }), param: 'inputs.0' },
    { why: 'nested lists of another size', body: input({ data: [[1, 2, 3], [4]] }), param: 'inputs.0.data' },
    {
      why: 'lists nested too deep',
      body: input({
        data: [
          [[1], 2],
          [3, 4],
        ],
      }),
      param: 'inputs.0.data.0',
    },
    { why: 'a number beyond f32', body: input({ data: [1, 2, 3, 1e39] }), param: 'inputs.0.data.3' },
    { why: 'a string for a number', body: input({ data: [1, 2, 3, '4'] }), param: 'inputs.0.data.3' },
    { why: 'null', body: input({ data: [1, 2, 3, null] }), param: 'inputs.0.data.3' },
    { why: 'no data', body: input({ data: undefined }), param: 'inputs.0.data' },
    { why: 'a negative size', body: input({ shape: [-1, 4] }), param: 'inputs.0.shape.0' },
    { why: 'a size beyond numbers', body: input({ shape: [1e300, 4] }), param: 'inputs.0.shape.0' },
    { why: 'sizes whose product overflows', body: input({ shape: [2 ** 50, 2 ** 50] }), param: 'inputs.0' },
    { why: 'an unknown datatype', body: input({ datatype: 'FP128' }), param: 'inputs.0.datatype' },
    { why: 'a half-width float in JSON', body: input({ datatype: 'FP16' }), param: 'inputs.0' },
    {
      why: 'a fraction for an integer',
      body: input({ datatype: 'INT32', data: [1, 2, 3, 4.5] }),
      param: 'inputs.0.data.3',
    },
    {
      why: 'an integer out of range',
      body: input({ datatype: 'UINT8', data: [1, 2, 3, 256] }),
      param: 'inputs.0.data.3',
    },
    {
      why: 'a negative unsigned one',
      body: input({ datatype: 'UINT64', data: [1, 2, 3, -4] }),
      param: 'inputs.0.data.3',
    },
    {
      why: 'a number for a truth value',
      body: input({ datatype: 'BOOL', data: [1, 0, 1, 2] }),
      param: 'inputs.0.data.3',
    },
    {
      why: 'bytes that are not there',
      body: input({ data: undefined, parameters: { binary_data_size: 16 } }),
      param: 'inputs.0',
    },
  ])('refuses $why', async ({ body, param }) => {
    expect(await problemOf(readJson({ inputs: [body] }))).toBe(`REQUEST_INVALID ${param}`);
  });

  it.each([
    { why: 'the same input twice', body: { inputs: [input(), input()] }, problem: 'REQUEST_INVALID inputs.1.name' },
    { why: 'no inputs', body: { inputs: [] }, problem: 'REQUEST_INVALID inputs' },
    { why: 'a list for a body', body: [], problem: 'REQUEST_INVALID body' },
    {
      why: 'a flag that is none',
      body: { inputs: [input()], outputs: [{ name: 'y', parameters: { binary_data: 1 } }] },
      problem: 'REQUEST_INVALID outputs.0.parameters.binary_data',
    },
    {
      why: 'a classification',
      body: { inputs: [input()], outputs: [{ name: 'y', parameters: { classification: 3 } }] },
      problem: 'REQUEST_UNSUPPORTED classification',
    },
  ])('refuses $why', async ({ body, problem }) => {
    expect(await problemOf(readJson(body))).toBe(problem);
  });

  it.each([
    { why: 'a header longer than the body', header: '999', param: 'Inference-Header-Content-Length' },
    { why: 'a header that is no number', header: '-1', param: 'Inference-Header-Content-Length' },
    { why: 'a header that cuts the JSON', header: '10', param: 'body' },
  ])('refuses $why', async ({ header, param }) => {
    const body = Buffer.from(JSON.stringify({ inputs: [input()] }));
    expect(await problemOf(readInferRequest(body, header))).toBe(`REQUEST_INVALID ${param}`);
  });

  it('refuses bytes that no input announces', async () => {
    const json = Buffer.from(JSON.stringify({ inputs: [input()] }));
    const body = Buffer.concat([json, Buffer.alloc(3)]);
    expect(await problemOf(readInferRequest(body, String(json.byteLength)))).toBe('REQUEST_INVALID body');
  });

  it('fails with an error of its own on any bytes', async () => {
    const good = JSON.stringify({
      inputs: [
        input({
          data: [
            [1, 2],
            [3, 4],
          ],
        }),
      ],
    });
    const edits = fc.array(fc.tuple(fc.nat(good.length - 1), fc.constantFrom(...'[]{}",:019-eE.x\u0000')), {
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(edits, fc.option(fc.nat(200), { nil: undefined }), async (changes, header) => {
        const text = [...good];
        for (const [place, character] of changes) text[place] = character;
        const problem = await problemOf(readInferRequest(Buffer.from(text.join('')), header?.toString()));
        expect(problem).toMatch(/^(nothing|REQUEST_\w+ .+)$/);
      }),
      { numRuns: 500 },
    );
  });
});

const head = { model_name: 'm', model_version: '1', id: 'i', parameters: {} };
const request: InferBody = { id: 'i', inputs: new Map(), outputs: [], isBinary: false, adapter: undefined };

describe('writeInferAnswer', () => {
  const types: DataType[] = [
    'bool',
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'float32',
    'float64',
  ];

  it.each(types)('writes %s in JSON and as bytes, both as a request would say it', async (dtype) => {
    const tensor = tensorOf(dtype, [3], dtype === 'bool' ? [0, 1, 1] : [0, 1, 127]);
    const answers = await Promise.all(
      [false, true].map((isBinary) => writeInferAnswer({ ...request, isBinary }, head, new Map([['y', tensor]]))),
    );
    for (const { body, headerLength } of answers) {
      const text = body.subarray(0, headerLength).toString();
      const json = JSON.parse(text) as { outputs: Record<string, unknown>[] };
      expect(json.outputs[0]).toMatchObject({ name: 'y', shape: [3], datatype: datatypeOf(dtype) });
      const sent: Uint8Array[] = [Buffer.from(JSON.stringify({ inputs: json.outputs }))];
      const again = Buffer.concat([...sent, body.subarray(headerLength ?? body.length)]);
      const length = headerLength === undefined ? undefined : String(again.byteLength - tensor.bytes.byteLength);
      const read = (await readInferRequest(again, length)).inputs.get('y');
      expect(read && { ...read, bytes: new Uint8Array(read.bytes) }).toEqual(tensor);
    }
  });

  it('lets each output say for itself how it goes', async () => {
    const tensors = new Map<string, TensorData>([
      ['a', tensorOf('float16', [2], [1, 2])],
      ['b', tensorOf('float32', [1], [0.5])],
    ]);
    const outputs = [
      { name: 'a', isBinary: true },
      { name: 'b', isBinary: undefined },
    ];
    const { body, headerLength } = await writeInferAnswer({ ...request, outputs }, head, tensors);
    expect(JSON.parse(body.subarray(0, headerLength).toString())).toEqual({
      model_name: 'm',
      model_version: '1',
      id: 'i',
      outputs: [
        { name: 'a', datatype: 'FP16', shape: [2], parameters: { binary_data_size: 4 } },
        { name: 'b', datatype: 'FP32', shape: [1], data: [0.5] },
      ],
    });
    expect(body.length - (headerLength ?? 0)).toBe(4);
  });

  it.each([Infinity, -Infinity, Number.NaN])('refuses to write %s as JSON', async (value) => {
    const tensors = new Map([['y', tensorOf('float32', [2], [1, value])]]);
    await expect(writeInferAnswer(request, head, tensors)).rejects.toMatchObject({ code: 'INFER_OUTPUT_NOT_JSON' });
  });
});
