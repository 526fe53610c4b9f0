import { EspalierError } from '../../core/index.ts';
import { typedArray, type DataType, type TensorData } from '../../tensor/index.ts';
import type { Dim, Shape } from '../dim.ts';
import type { Node, Value } from '../graph.ts';

/** The result of a rule for one output. A rule omits what it cannot know. */
export interface TypeInfo {
  readonly dtype?: DataType | undefined;
  readonly shape?: Shape | undefined;
  /** See `Value.elements`. */
  readonly elements?: readonly Dim[] | undefined;
}

/** Types of the outputs of one operator, from those of its inputs. One entry for each output, or just the first. */
export type InferRule = (op: OpView) => TypeInfo | readonly (TypeInfo | undefined)[];

/** Rules by operator; names of other domains are written 'com.microsoft:FusedMatMul'. */
export type InferRules = Readonly<Record<string, InferRule>>;

/** Shape arithmetic runs on short vectors only: a shape has a few dims, a list of slices a few more. */
export const maxElements = 64;

/** The view of a node that a rule gets. */
export class OpView {
  readonly node: Node;
  /** The version of the operator set of the node. */
  readonly opset: number;

  constructor(node: Node, opset: number) {
    this.node = node;
    this.opset = opset;
  }

  has(index: number): boolean {
    return this.node.inputs[index] !== undefined;
  }

  dtype(index: number): DataType | undefined {
    return this.node.inputs[index]?.dtype;
  }

  shape(index: number): Shape | undefined {
    return this.node.inputs[index]?.shape;
  }

  /** The elements of a small integer input, as far as they are known. */
  elements(index: number): readonly Dim[] | undefined {
    const value = this.node.inputs[index];
    return value && knownElements(value);
  }

  /** The elements of a small integer input where all of them are numbers. */
  numbers(index: number): readonly number[] | undefined {
    const elements = this.elements(index);
    return elements?.every((element) => typeof element === 'number') ? elements : undefined;
  }

  /** Returns integers that are an attribute in older operator sets and an input in newer ones. */
  integers(attribute: string, index: number): readonly number[] | undefined {
    return this.node.intsAttribute(attribute) ?? this.numbers(index);
  }

  /** Whether the attribute or input of `integers` exists, even if its values are unknown. */
  hasIntegers(attribute: string, index: number): boolean {
    return this.node.attributes.has(attribute) || this.has(index);
  }

  /** An axis counted from the front. */
  axis(axis: number, rank: number): number {
    const positive = axis < 0 ? axis + rank : axis;
    if (positive < 0 || positive >= rank) throw this.error(`axis ${axis} is outside of a tensor of rank ${rank}`);
    return positive;
  }

  error(reason: string): EspalierError {
    return new EspalierError('IR_SHAPE', { node: this.node.label, opType: this.node.qualifiedType, reason });
  }
}

/** Returns unknown elements for a vector of this shape. Only their number is known. */
export function unknownElements(shape: Shape | undefined): undefined[] | undefined {
  const [length] = shape ?? [];
  if (shape?.length !== 1 || typeof length !== 'number' || length > maxElements) return undefined;
  return Array.from({ length }, () => undefined);
}

function knownElements(value: Value): readonly Dim[] | undefined {
  if (value.elements) return value.elements;
  if (value.constant?.kind !== 'inline') return undefined;
  return elementsOf(value.constant.tensor);
}

/** The elements of a small integer tensor of rank 0 or 1, else undefined. */
export function elementsOf(tensor: TensorData): readonly number[] | undefined {
  const { dtype, shape } = tensor;
  if (shape.length > 1 || (shape[0] ?? 1) > maxElements) return undefined;
  if (dtype !== 'int64' && dtype !== 'int32') return undefined;
  const array = dtype === 'int64' ? typedArray({ ...tensor, dtype }) : typedArray({ ...tensor, dtype });
  // WHY numbers beyond the safe range are accepted: exporters write the largest int64 for "to the end", and a rounded one means the same.
  return Array.from<number | bigint, number>(array, Number);
}

/** Text of a shape for messages: [batch*seq, 32]. */
export function formatShape(shape: Shape | undefined): string {
  return shape ? `[${shape.map((dim) => dim ?? '?').join(', ')}]` : '[unknown rank]';
}
