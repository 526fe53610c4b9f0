import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** A tensor's type as ONNX declares it: 1 is float32, 7 is int64. */
export interface TinyValue {
  readonly name: string;
  readonly elementType?: number;
  readonly shape: readonly (number | string)[];
}

export interface TinyNode {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface TinyWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** Values in the model, or a file that contains them (with offset and length in bytes). */
  readonly data: Float32Array | { readonly location: string; readonly offset: number; readonly length: number };
}

export interface TinyModel {
  readonly inputs: readonly TinyValue[];
  readonly outputs: readonly TinyValue[];
  readonly nodes: readonly TinyNode[];
  readonly weights?: readonly TinyWeight[];
}

/** Encodes the part of ONNX that the tests of this folder need. The graph representation `ir` is in a higher layer. */
export function tinyModel(model: TinyModel): Uint8Array {
  const graph = new BinaryWriter();
  for (const node of model.nodes) message(graph, 1, (w) => writeNode(w, node));
  text(graph, 2, 'tiny');
  for (const weight of model.weights ?? []) message(graph, 5, (w) => writeWeight(w, weight));
  for (const value of model.inputs) message(graph, 11, (w) => writeValue(w, value));
  for (const value of model.outputs) message(graph, 12, (w) => writeValue(w, value));

  const root = new BinaryWriter();
  root.tag(1, 0).int64(10);
  root.tag(7, 2).bytes(graph.finish());
  message(root, 8, (opset) => void opset.tag(2, 0).int64(21));
  return root.finish();
}

/** y = x + x, over [rows, 2]. */
export function doublingModel(): Uint8Array {
  return tinyModel({
    inputs: [{ name: 'x', shape: ['rows', 2] }],
    outputs: [{ name: 'y', shape: ['rows', 2] }],
    nodes: [{ opType: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
  });
}

/** y = x · x · … · x for square matrices: `count` products that take some milliseconds each. */
export function slowModel(size: number, count: number): Uint8Array {
  const name = (step: number) => (step === count ? 'y' : `x${step}`);
  return tinyModel({
    inputs: [{ name: 'x0', shape: [size, size] }],
    outputs: [{ name: 'y', shape: [size, size] }],
    nodes: Array.from({ length: count }, (_, step) => ({
      opType: 'MatMul',
      inputs: [name(step), 'x0'],
      outputs: [name(step + 1)],
    })),
  });
}

function writeNode(writer: BinaryWriter, node: TinyNode): void {
  for (const input of node.inputs) text(writer, 1, input);
  for (const output of node.outputs) text(writer, 2, output);
  text(writer, 3, `make ${node.outputs.join()}`);
  text(writer, 4, node.opType);
}

function writeValue(writer: BinaryWriter, { name, elementType = 1, shape }: TinyValue): void {
  text(writer, 1, name);
  message(writer, 2, (type) =>
    message(type, 1, (tensor) => {
      tensor.tag(1, 0).int32(elementType);
      message(tensor, 2, (dims) => {
        for (const dim of shape) message(dims, 1, (w) => writeDim(w, dim));
      });
    }),
  );
}

function writeDim(writer: BinaryWriter, dim: number | string): void {
  if (typeof dim === 'string') text(writer, 2, dim);
  else writer.tag(1, 0).int64(dim);
}

function writeWeight(writer: BinaryWriter, { name, shape, data }: TinyWeight): void {
  for (const dim of shape) writer.tag(1, 0).int64(dim);
  writer.tag(2, 0).int32(1);
  text(writer, 8, name);
  if (data instanceof Float32Array) {
    writer.tag(9, 2).bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return;
  }
  for (const [key, value] of Object.entries(data)) {
    message(writer, 13, (entry) => {
      text(entry, 1, key);
      text(entry, 2, String(value));
    });
  }
  writer.tag(14, 0).int32(1);
}

function message(writer: BinaryWriter, field: number, write: (inner: BinaryWriter) => void): void {
  writer.tag(field, 2).fork();
  write(writer);
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, 2).string(value);
}
