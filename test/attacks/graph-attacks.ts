import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { proto, varint, type Attack } from './attack.ts';

const { bytes, varint: number } = proto;
const opset = bytes(8, number(2, 21));
const model = (...graph: Buffer[]): Buffer => Buffer.concat([number(1, 10), bytes(7, ...graph), opset]);
const node = (opType: string, inputs: string[], outputs: string[], ...rest: Buffer[]): Buffer =>
  bytes(
    1,
    ...inputs.map((name) => bytes(1, name)),
    ...outputs.map((name) => bytes(2, name)),
    bytes(4, opType),
    ...rest,
  );
const input = (name: string): Buffer => bytes(11, bytes(1, name));
const output = (name: string): Buffer => bytes(12, bytes(1, name));
const tensor = (name: string, ...fields: Buffer[]): Buffer => bytes(5, ...fields, bytes(8, name));
const dims = (...values: (number | bigint)[]): Buffer => Buffer.concat(values.map((value) => number(1, value)));
const float = number(2, 1);
const entry = (key: string, value: string): Buffer => bytes(13, bytes(1, key), bytes(2, value));
const outside = (location: string, ...more: Buffer[]): Buffer =>
  tensor('w', dims(4), float, entry('location', location), ...more, number(14, 1));
const identity = [input('x'), node('Identity', ['x'], ['y']), output('y')];

/** Nested subgraphs: If inside If inside If. */
function nested(depth: number): Buffer {
  let inner: Buffer = bytes(1, bytes(4, 'Constant'), bytes(2, 'c'));
  for (let i = 0; i < depth; i++)
    inner = bytes(1, bytes(4, 'If'), bytes(5, bytes(1, 'then_branch'), bytes(6, inner), number(20, 5)));
  return inner;
}

function onnx(name: string, code: Attack['code'], content: Buffer | (() => Buffer)): Attack {
  return {
    name,
    code,
    make: (dir) => writeFile(join(dir, 'model.onnx'), typeof content === 'function' ? content() : content),
  };
}

/** ONNX files: protobuf that is none, graphs that are none, weights that are elsewhere. */
export const graphAttacks: readonly Attack[] = [
  onnx('no bytes at all', 'IR_MALFORMED', Buffer.alloc(0)),
  onnx('a page of a website', 'IR_MALFORMED', Buffer.from('<!DOCTYPE html><html></html>')),
  onnx('a message that ends within a length', 'IR_MALFORMED', Buffer.concat([varint((7n << 3n) | 2n), varint(1000n)])),
  onnx('a length of 2^63', 'IR_MALFORMED', Buffer.concat([varint((7n << 3n) | 2n), varint(2n ** 63n)])),
  onnx('a varint without end', 'IR_MALFORMED', Buffer.alloc(64, 0xff)),
  onnx('a group that never closes', 'IR_MALFORMED', Buffer.alloc(100_000, 0x0b)),
  onnx('a name that is not UTF-8', 'IR_MALFORMED', model(bytes(1, bytes(4, Uint8Array.of(0xff, 0xfe))))),
  onnx('subgraphs nested 5,000 deep', 'IR_MALFORMED', () => model(nested(5000))),
  onnx('subgraphs nested 40 deep', 'IR_MALFORMED', () => model(nested(40))),
  onnx('a graph that is missing', 'IR_MALFORMED', Buffer.concat([number(1, 10), opset])),
  onnx(
    'two nodes that feed each other',
    'IR_INVALID',
    model(node('Abs', ['b'], ['a']), node('Abs', ['a'], ['b']), output('a')),
  ),
  onnx('a node that feeds itself', 'IR_INVALID', model(node('Abs', ['a'], ['a']), output('a'))),
  onnx('an input from nowhere', 'IR_INVALID', model(node('Abs', ['nothing'], ['a']), output('a'))),
  onnx('an output from nowhere', 'IR_INVALID', model(...identity, output('z'))),
  onnx(
    'a value that two nodes make',
    'IR_INVALID',
    model(input('x'), node('Abs', ['x'], ['a']), node('Neg', ['x'], ['a']), output('a')),
  ),
  onnx(
    'an attribute twice',
    'IR_INVALID',
    model(
      input('x'),
      node('Abs', ['x'], ['y'], bytes(5, bytes(1, 'a'), number(3, 1)), bytes(5, bytes(1, 'a'), number(3, 2))),
      output('y'),
    ),
  ),
  onnx('a dimension of -1', 'IR_MALFORMED', model(...identity, tensor('w', dims(-1n), float))),
  onnx(
    'dimensions of 10^9 each',
    'IR_MALFORMED',
    model(...identity, tensor('w', dims(1_000_000_000, 1_000_000_000), float, bytes(9, Buffer.alloc(16)))),
  ),
  onnx(
    'dimensions whose product wraps to 0',
    'IR_MALFORMED',
    model(...identity, tensor('w', dims(2n ** 32n, 2n ** 32n, 2n ** 32n), float)),
  ),
  onnx(
    'fewer bytes than its shape',
    'IR_MALFORMED',
    model(...identity, tensor('w', dims(4), float, bytes(9, Buffer.alloc(8)))),
  ),
  onnx(
    'a weight without a name',
    'IR_MALFORMED',
    model(...identity, tensor('', dims(1), float, bytes(9, Buffer.alloc(4)))),
  ),
  onnx('weights at an absolute path', 'IR_EXTERNAL_DATA', model(...identity, outside('/etc/passwd'))),
  onnx("weights behind '..'", 'IR_EXTERNAL_DATA', model(...identity, outside('../../etc/passwd'))),
  onnx('weights behind a drive letter', 'IR_EXTERNAL_DATA', model(...identity, outside('C:\\secrets'))),
  onnx('weights with a zero byte in their path', 'IR_EXTERNAL_DATA', model(...identity, outside('a\0b'))),
  onnx('weights in a file that is not there', 'IR_EXTERNAL_DATA', model(...identity, outside('nothing.data'))),
  onnx('weights at a negative offset', 'IR_MALFORMED', model(...identity, outside('w.data', entry('offset', '-8')))),
  onnx(
    'weights at an offset beyond 2^53',
    'IR_MALFORMED',
    model(...identity, outside('w.data', entry('offset', '99999999999999999999'))),
  ),
  onnx(
    'weights of another length than their shape',
    'IR_MALFORMED',
    model(...identity, outside('w.data', entry('length', '4'))),
  ),
  {
    name: 'weights behind the end of their file',
    code: 'IR_EXTERNAL_DATA',
    make: async (dir) => {
      await writeFile(join(dir, 'w.data'), Buffer.alloc(16));
      await writeFile(join(dir, 'model.onnx'), model(...identity, outside('w.data', entry('offset', '8'))));
    },
  },
  {
    name: 'weights behind a link out of the folder',
    code: 'IR_EXTERNAL_DATA',
    make: async (dir) => {
      await symlink('/etc/hostname', join(dir, 'w.data'));
      await writeFile(join(dir, 'model.onnx'), model(...identity, outside('w.data')));
    },
  },
  {
    name: 'weights that are a folder',
    code: 'IR_EXTERNAL_DATA',
    make: async (dir) => {
      await mkdir(join(dir, 'w.data'));
      await writeFile(join(dir, 'model.onnx'), model(...identity, outside('w.data')));
    },
  },
];
