import type { TensorData } from '../tensor/index.ts';
import { inlineConstant, type ConstantData } from './constant.ts';
import type { Graph } from './graph.ts';

/** What an attribute of each kind holds. */
export interface AttributeValues {
  int: bigint;
  float: number;
  /** UTF-8 by convention, but any bytes may come. */
  string: Uint8Array;
  tensor: ConstantData;
  graph: Graph;
  ints: readonly bigint[];
  floats: readonly number[];
  strings: readonly Uint8Array[];
  tensors: readonly ConstantData[];
  graphs: readonly Graph[];
  /** Inside a function: takes the value of the named attribute of the call. `type` is ONNX's number of the kind. */
  reference: { readonly name: string; readonly type: number };
  /** A kind that this IR does not read (sparse tensors, types): its ONNX message, byte for byte. */
  opaque: Uint8Array;
}

export type AttributeKind = keyof AttributeValues;

/** A typed attribute of a node. */
export type Attribute = {
  [Kind in AttributeKind]: {
    readonly kind: Kind;
    readonly value: AttributeValues[Kind];
    readonly docString?: string;
    /** Fields of ONNX that this IR does not read, as they stood in the file. */
    readonly unknown?: readonly Uint8Array[];
  };
}[AttributeKind];

/**
 * What a builder may write for an attribute. An integer number is an int and a list of numbers is ints;
 * floats are said with `float(x)` and `floats([...])`, so that 1 and 1.0 are never confused.
 */
export type AttributeInput = number | bigint | boolean | string | readonly number[] | TensorData | Graph | Attribute;

export function int(value: number | bigint): Attribute {
  return { kind: 'int', value: BigInt(value) };
}

export function float(value: number): Attribute {
  return { kind: 'float', value: Math.fround(value) };
}

export function string(value: string): Attribute {
  return { kind: 'string', value: new TextEncoder().encode(value) };
}

export function ints(values: readonly (number | bigint)[]): Attribute {
  return { kind: 'ints', value: values.map(BigInt) };
}

export function floats(values: readonly number[]): Attribute {
  return { kind: 'floats', value: values.map(Math.fround) };
}

export function strings(values: readonly string[]): Attribute {
  const encoder = new TextEncoder();
  return { kind: 'strings', value: values.map((value) => encoder.encode(value)) };
}

export function tensor(value: TensorData): Attribute {
  return { kind: 'tensor', value: inlineConstant(value) };
}

export function graph(value: Graph): Attribute {
  return { kind: 'graph', value };
}

/** @throws RangeError for a number that is no integer: say `float(x)`. */
export function toAttribute(input: AttributeInput): Attribute {
  if (typeof input === 'number' || typeof input === 'bigint') return int(input);
  if (typeof input === 'boolean') return int(Number(input));
  if (typeof input === 'string') return string(input);
  if (Array.isArray(input)) return ints(input);
  if ('kind' in input) return input;
  if ('nodes' in input) return graph(input);
  if ('bytes' in input) return tensor(input);
  throw new TypeError('unreachable: every attribute input is covered');
}
