import type { TensorData } from '../tensor/index.ts';
import { inlineConstant, type ConstantData } from './constant.ts';

/** The type of an attribute's value, by kind. */
export interface AttributeValuesOf<TGraph> {
  int: bigint;
  float: number;
  /** UTF-8 by convention, but a file may contain any bytes. */
  string: Uint8Array;
  tensor: ConstantData;
  graph: TGraph;
  ints: readonly bigint[];
  floats: readonly number[];
  strings: readonly Uint8Array[];
  tensors: readonly ConstantData[];
  graphs: readonly TGraph[];
  /** Only inside a function: the value of the named attribute of the calling node. `type` is ONNX's number of the attribute's kind. */
  reference: { readonly name: string; readonly type: number };
  /** A kind that this IR does not read (sparse tensors, types), as the bytes of its ONNX message. */
  opaque: Uint8Array;
}

export type AttributeKind = keyof AttributeValuesOf<unknown>;

/** A typed attribute of a node. The type parameter is the type of graphs; `graph.ts` sets it. */
export type AttributeOf<TGraph> = {
  [Kind in AttributeKind]: {
    readonly kind: Kind;
    readonly value: AttributeValuesOf<TGraph>[Kind];
    readonly docString?: string;
    /** ONNX fields that this IR does not read, as their bytes in the file. */
    readonly unknown?: readonly Uint8Array[];
  };
}[AttributeKind];

/**
 * An attribute as a builder may write it. An integer number is an int and a list of numbers is ints. Write floats as `float(x)` and
 * `floats([...])`, so that 1 and 1.0 cannot be confused.
 */
export type AttributeInputOf<TGraph> =
  | number
  | bigint
  | boolean
  | string
  | readonly number[]
  | TensorData
  | TGraph
  | AttributeOf<TGraph>;

/** Distinguishes a graph from all other kinds of attribute values. */
interface WithNodes {
  readonly nodes: readonly unknown[];
}

export function int(value: number | bigint): AttributeOf<never> {
  return { kind: 'int', value: BigInt(value) };
}

export function float(value: number): AttributeOf<never> {
  return { kind: 'float', value: Math.fround(value) };
}

export function string(value: string): AttributeOf<never> {
  return { kind: 'string', value: new TextEncoder().encode(value) };
}

export function ints(values: readonly (number | bigint)[]): AttributeOf<never> {
  return { kind: 'ints', value: values.map(BigInt) };
}

export function floats(values: readonly number[]): AttributeOf<never> {
  return { kind: 'floats', value: values.map(Math.fround) };
}

export function strings(values: readonly string[]): AttributeOf<never> {
  const encoder = new TextEncoder();
  return { kind: 'strings', value: values.map((value) => encoder.encode(value)) };
}

export function tensor(value: TensorData): AttributeOf<never> {
  return { kind: 'tensor', value: inlineConstant(value) };
}

export function graph<TGraph>(value: TGraph): AttributeOf<TGraph> {
  return { kind: 'graph', value };
}

/** @throws RangeError for a number that is not an integer; write `float(x)` instead */
export function toAttribute<TGraph extends WithNodes>(input: AttributeInputOf<TGraph>): AttributeOf<TGraph> {
  if (typeof input === 'number' || typeof input === 'bigint') return int(input);
  if (typeof input === 'boolean') return int(Number(input));
  if (typeof input === 'string') return string(input);
  if (Array.isArray(input)) return ints(input);
  if ('kind' in input) return input;
  if ('nodes' in input) return graph(input);
  if ('bytes' in input) return tensor(input);
  throw new TypeError('unreachable: every attribute input is covered');
}
