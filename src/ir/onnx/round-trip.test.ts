import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { createModel, type Model } from '../model.ts';
import { decodeModel } from './decode.ts';
import { encodeModel } from './encode.ts';
import { float } from '../attribute.ts';
import { Graph } from '../graph.ts';
import { printModel } from '../print.ts';
import { Tape } from '../tape.ts';
import { verifyModel } from '../verify.ts';
import { assertUses } from '../testing/assert-uses.ts';
import { randomModel } from '../testing/random-model.ts';
import { readMessage, writeMessage } from './wire.ts';
import { emptyTensor } from './write-tensor.ts';
import {
  attributeSchema,
  modelSchema,
  tensorSchema,
  type AttributeMessage,
  type GraphMessage,
  type TensorMessage,
} from './messages.ts';

describe('a model through ONNX bytes', () => {
  it('is the same model, and the same bytes again', () => {
    fc.assert(
      fc.property(randomModel, (model) => {
        const bytes = encodeModel(model);
        const copy = decodeModel(bytes);
        verifyModel(copy);
        assertUses(copy.graph);
        expect(printModel(copy)).toBe(printModel(model));
        expect(Buffer.compare(encodeModel(copy), bytes)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('keeps its functions, with references to the attributes of the call', () => {
    const bytes = encodeModel(modelWithFunction());
    const copy = decodeModel(bytes);
    verifyModel(copy);
    const [scale] = copy.functions;
    expect(scale?.graph.nodes.map(({ opType }) => opType)).toEqual(['Constant', 'Mul']);
    expect(scale?.graph.nodes[0]?.attributes.get('value_float')).toMatchObject({
      kind: 'reference',
      value: { name: 'factor' },
    });
    expect(scale?.defaults.get('factor')).toEqual(float(2));
    expect(Buffer.compare(encodeModel(copy), bytes)).toBe(0);
  });

  it('is either refused with a code or whole, wherever its bytes are cut or changed', () => {
    fc.assert(
      fc.property(randomModel, fc.nat(), fc.nat(255), fc.boolean(), (model, position, byte, cut) => {
        const bytes = encodeModel(model);
        const at = position % bytes.length;
        const hurt = cut ? bytes.subarray(0, at) : bytes.with(at, byte);
        expect(['whole', 'IR_MALFORMED', 'IR_INVALID', 'IR_EXTERNAL_DATA']).toContain(outcomeOf(hurt));
      }),
      { numRuns: 300 },
    );
  });
});

function outcomeOf(bytes: Uint8Array): string {
  try {
    encodeModel(decodeModel(bytes));
    return 'whole';
  } catch (error) {
    return EspalierError.isInstance(error) ? error.code : String(error);
  }
}

/** y = Scale(x) where Scale(a) = a · factor, the factor being an attribute of the call. */
function modelWithFunction(): Model {
  const model = createModel();
  model.opsets.set('my', 1);
  const body = new Graph('Scale');
  const a = body.addInput('a');
  const reference = { kind: 'reference', value: { name: 'factor', type: 1 } } as const;
  const constant = { opType: 'Constant', inputs: [], attributes: [['value_float', reference]] as const };
  const factor = body.addNode({ ...constant, outputs: [{ name: 'f' }] }).outputs[0];
  const scaled = body.addNode({ opType: 'Mul', inputs: [a, factor], outputs: [{ name: 'b' }] }).outputs[0];
  if (scaled) body.addOutput(scaled);
  const texts = { name: 'Scale', domain: 'my', overload: '', docString: 'Scales.', unknown: [] };
  const metadata = new Map([['made', 'here']]);
  const defaults = new Map([['factor', float(2)]]);
  model.functions.push({ ...texts, graph: body, attributes: [], defaults, opsets: new Map([['', 21]]), metadata });
  const x = model.graph.addInput('x', 'float32', [3]);
  model.graph.addOutput(
    new Tape(model).op('Scale', [x], { domain: 'my', dtype: 'float32', shape: [3], outputName: 'y' }),
  );
  return model;
}

const noGraph: GraphMessage = {
  nodes: [],
  initializers: [],
  inputs: [],
  outputs: [],
  valueInfo: [],
  sparseInitializers: [],
  metadata: [],
  unknown: [],
};

function modelBytes(graph: Partial<GraphMessage>, unknown: Uint8Array[] = []): Uint8Array {
  return writeMessage(modelSchema, {
    graph: { ...noGraph, ...graph },
    opsets: [],
    metadata: [],
    functions: [],
    unknown,
  });
}

function initializer(fields: Partial<TensorMessage>): Uint8Array {
  return writeMessage(tensorSchema, { ...emptyTensor(), name: 'w', ...fields });
}

const emptyAttribute: AttributeMessage = { floats: [], ints: [], strings: [], tensors: [], graphs: [], unknown: [] };

/** Field 90 of a message, with the text 'kept'. */
const stranger = Uint8Array.of(0xd2, 0x05, 4, 107, 101, 112, 116);

describe('decodeModel', () => {
  it('keeps fields that it does not know, in every message', () => {
    const attribute = writeMessage(attributeSchema, {
      ...emptyAttribute,
      name: 'k',
      type: 2,
      int: 1n,
      unknown: [stranger],
    });
    const node = {
      inputs: [],
      outputs: ['y'],
      opType: 'Odd',
      attributes: [attribute],
      metadata: [],
      unknown: [stranger],
    };
    const value = { name: 'y', metadata: [], unknown: [stranger] };
    const bytes = modelBytes(
      {
        nodes: [node],
        initializers: [initializer({ dims: [1n], dataType: 1, rawData: new Uint8Array(4), unknown: [stranger] })],
        outputs: [value],
        unknown: [stranger],
      },
      [stranger],
    );
    const again = Buffer.from(encodeModel(decodeModel(bytes)));
    expect(again.toString('latin1').split('kept').length - 1).toBe(6);
  });

  it.each<[string, Partial<TensorMessage>, string, number[]]>([
    ['float_data', { dataType: 1, floatData: [1, -2] }, 'float32', [1, -2]],
    ['double_data', { dataType: 11, doubleData: [1, -2] }, 'float64', [1, -2]],
    ['int64_data', { dataType: 7, int64Data: [1n, -2n] }, 'int64', [1, -2]],
    ['int32_data', { dataType: 6, int32Data: [1, -2] }, 'int32', [1, -2]],
    ['int32_data of i8', { dataType: 3, int32Data: [1, -2] }, 'int8', [1, -2]],
    ['int32_data of bool', { dataType: 9, int32Data: [1, 0] }, 'bool', [1, 0]],
    ['int32_data of f16', { dataType: 10, int32Data: [0x3c00, 0xc000] }, 'float16', [1, -2]],
    ['uint64_data of u32', { dataType: 12, uint64Data: [1n, 7n] }, 'uint32', [1, 7]],
  ])('reads %s', (_, fields, dtype, values) => {
    const { graph } = decodeModel(modelBytes({ initializers: [initializer({ dims: [2n], ...fields })] }));
    const { constant } = [...graph.initializers.values()][0] ?? {};
    expect(constant).toMatchObject({ kind: 'inline', tensor: tensorOf(dtype as 'float32', [2], values) });
  });

  it('does not copy raw data', () => {
    const model = createModel();
    new Tape(model).constant(tensorOf('float32', [1000], new Float32Array(1000)), 'w');
    const bytes = encodeModel(model);
    const { constant } = decodeModel(bytes).graph.initializers.get('w') ?? {};
    expect(constant?.kind === 'inline' && constant.tensor.bytes.buffer).toBe(bytes.buffer);
  });

  it('reads nodes in any order and sorts them', () => {
    const node = { attributes: [], metadata: [], unknown: [] };
    const bytes = modelBytes({
      nodes: [
        { ...node, inputs: ['a'], outputs: ['b'], opType: 'Second' },
        { ...node, inputs: [], outputs: ['a'], opType: 'First' },
      ],
    });
    expect(decodeModel(bytes).graph.nodes.map(({ opType }) => opType)).toEqual(['First', 'Second']);
  });

  it('keeps strings and sparse tensors as they are, under a new name too', () => {
    const words = initializer({ dims: [1n], dataType: 8, unknown: [Uint8Array.of(0x32, 1, 65)] });
    const { graph, ...model } = decodeModel(modelBytes({ initializers: [words] }));
    const [value] = [...graph.initializers.values()];
    if (value) graph.rename(value, 'renamed');
    const written = readMessage(modelSchema, encodeModel({ ...model, graph })).graph?.initializers[0];
    expect(written && readMessage(tensorSchema, written)).toMatchObject({ name: 'renamed', dataType: 8, dims: [1n] });
    expect(written && Buffer.from(written).includes(Buffer.of(0x32, 1, 65))).toBe(true);
  });
});

function external(location: string, length = '4'): Partial<TensorMessage> {
  return {
    dims: [1n],
    dataType: 1,
    dataLocation: 1,
    externalData: [
      { key: 'location', value: location, unknown: [] },
      { key: 'length', value: length, unknown: [] },
    ],
  };
}

describe('hostile models', () => {
  const node = { inputs: [] as string[], outputs: ['y'], opType: 'Odd', attributes: [], metadata: [], unknown: [] };
  const nested = (depth: number): Uint8Array => {
    const graph = { ...noGraph, nodes: depth === 0 ? [] : [{ ...node, outputs: [], attributes: [nested(depth - 1)] }] };
    return writeMessage(attributeSchema, {
      ...emptyAttribute,
      name: 'body',
      type: 5,
      graph,
    });
  };

  it.each<[string, string, Uint8Array]>([
    ['nothing', 'IR_MALFORMED', new Uint8Array()],
    ['text', 'IR_MALFORMED', Buffer.from('{"model": "no"}')],
    ['a length beyond the end', 'IR_MALFORMED', Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 0)],
    ['a varint without end', 'IR_MALFORMED', new Uint8Array(20).fill(0xff)],
    ['a name that is not UTF-8', 'IR_MALFORMED', Uint8Array.of(0x3a, 3, 0x12, 1, 0xff)],
    [
      'fewer bytes than the shape',
      'IR_MALFORMED',
      modelBytes({ initializers: [initializer({ dims: [9n], dataType: 1 })] }),
    ],
    ['a negative size', 'IR_MALFORMED', modelBytes({ initializers: [initializer({ dims: [-1n], dataType: 1 })] })],
    [
      'a huge size',
      'IR_MALFORMED',
      modelBytes({ initializers: [initializer({ dims: [2n ** 62n, 4n], dataType: 1 })] }),
    ],
    [
      'sizes whose product is huge',
      'IR_MALFORMED',
      modelBytes({ initializers: [initializer({ dims: [2n ** 50n, 2n ** 50n], dataType: 1 })] }),
    ],
    ['an absolute path', 'IR_EXTERNAL_DATA', modelBytes({ initializers: [initializer(external('/etc/passwd'))] })],
    ['a drive', 'IR_EXTERNAL_DATA', modelBytes({ initializers: [initializer(external('C:\\weights'))] })],
    ['a path upwards', 'IR_EXTERNAL_DATA', modelBytes({ initializers: [initializer(external('a/../../b'))] })],
    ['a path upwards, Windows', 'IR_EXTERNAL_DATA', modelBytes({ initializers: [initializer(external('a\\..\\b'))] })],
    ['a false length', 'IR_MALFORMED', modelBytes({ initializers: [initializer(external('w', '400'))] })],
    ['a length that is no number', 'IR_MALFORMED', modelBytes({ initializers: [initializer(external('w', '-4'))] })],
    ['a name twice', 'IR_INVALID', modelBytes({ nodes: [node, node] })],
    ['an input from nowhere', 'IR_INVALID', modelBytes({ nodes: [{ ...node, inputs: ['gone'] }] })],
    ['an output from nowhere', 'IR_INVALID', modelBytes({ outputs: [{ name: 'gone', metadata: [], unknown: [] }] })],
    ['a node that reads itself', 'IR_INVALID', modelBytes({ nodes: [{ ...node, inputs: ['y'] }] })],
    ['graphs nested too deep', 'IR_MALFORMED', modelBytes({ nodes: [{ ...node, attributes: [nested(40)] }] })],
  ])('refuses %s', (_, code, bytes) => {
    expect(() => decodeModel(bytes)).toThrow(expect.objectContaining({ code }));
  });

  it('names the node and the value', () => {
    const bytes = modelBytes({ nodes: [{ ...node, name: 'n', inputs: ['gone'] }] });
    expect(() => decodeModel(bytes)).toThrow('not valid at node n: nothing produces its input gone');
  });
});
