import { EspalierError } from '../../core/index.ts';
import type { Attribute, Model, Node, Tape, Value } from '../../ir/index.ts';

/** The description of a node that will be written. */
export interface NodeCall extends Pick<Node, 'opType' | 'domain' | 'inputs'> {
  readonly attributes: Map<string, Attribute>;
  /** The number of its outputs. */
  readonly outputs: number;
}

/** Gradients and adapters use operators of this version. Since version 13, no operator that is used here has changed its meaning. */
const wantedOpset = 17;
const oldestOpset = 11;

/** The operator set of a copy of a model: its own, or the version to which its nodes are upgraded. */
export function usableOpset(model: Model, path: string): number {
  const opset = model.opsets.get('') ?? 1;
  if (opset < oldestOpset) {
    const problems = `it is written in operator set ${opset}, and the oldest that can be brought up is ${oldestOpset}; export it again`;
    throw new EspalierError('ONNX_MODEL_UNSUPPORTED', { path, problems });
  }
  return Math.max(opset, wantedOpset);
}

/** The input that each attribute became in operator set 13. */
const movedToInputs: Readonly<Record<string, { readonly attribute: string; readonly index: number }>> = {
  Squeeze: { attribute: 'axes', index: 1 },
  Unsqueeze: { attribute: 'axes', index: 1 },
  ReduceSum: { attribute: 'axes', index: 1 },
  Split: { attribute: 'split', index: 1 },
};

/** The place of a node, for messages. */
interface Place {
  readonly label: string;
  readonly path: string;
}

/** Upgrades a node of an operator set before 13. */
export function upgradedNode(
  call: NodeCall,
  { opset, tape, ...place }: { readonly opset: number; readonly tape: Tape } & Place,
): Omit<NodeCall, 'outputs'> {
  const { opType, domain, inputs, attributes } = call;
  if (opset >= 13 || domain !== '') return { opType, domain, inputs, attributes };
  const moved = movedToInputs[opType];
  const list = moved && attributes.get(moved.attribute);
  if (moved && list?.kind === 'ints') {
    attributes.delete(moved.attribute);
    const given = [...inputs];
    while (given.length < moved.index) given.push(undefined);
    given[moved.index] = tape.int64s(list.value.map(Number));
    return { opType, domain, inputs: given, attributes };
  }
  if (opType === 'Softmax' || opType === 'LogSoftmax') checkLastAxis(attributes, inputs[0], place);
  return { opType, domain, inputs, attributes };
}

/** Before version 13, softmax ran over its axis and all axes after it. Only for the last axis is this the same as today. */
function checkLastAxis(attributes: Map<string, Attribute>, x: Value | undefined, { label, path }: Place): void {
  const given = attributes.get('axis');
  const axis = given?.kind === 'int' ? Number(given.value) : 1;
  const rank = x?.shape?.length;
  if (axis === -1 || (rank !== undefined && axis === rank - 1)) {
    attributes.set('axis', { kind: 'int', value: -1n });
    return;
  }
  const problems = `node ${label} (Softmax of operator set 12 or older) runs over more than the last axis; export it again`;
  throw new EspalierError('ONNX_MODEL_UNSUPPORTED', { path, problems });
}
