import type { Model, Node, Value } from '../ir/index.ts';

/** The last product of a network, and what follows it up to the scores of its classes. */
export interface FrozenHead {
  /** f32 [targets, hidden], the input of the product */
  readonly hidden: Value;
  /** f32 [targets, classes] */
  readonly scores: Value;
  /** What computes the scores from `hidden` and from values that do not depend on it, in order. */
  readonly nodes: readonly Node[];
  /** Values from outside that these nodes read: constants, or computed from constants. */
  readonly outer: readonly Value[];
}

const products = new Set(['Gemm', 'MatMul', 'MatMulNBits']);
/** Operators that compute each row of scores by itself, if their other input is a number or one number for each class. */
const rowByRow = new Set(['Add', 'Sub', 'Mul', 'Div', 'Tanh', 'Identity']);

/** Follows the scores back to the last product. undefined if something between them depends on more than its input and constants. */
export function findFrozenHead(model: Model, scores: Value): FrozenHead | undefined {
  const fixed = fixedValues(model);
  const isFixed = (value: Value): boolean => fixed.has(value);
  for (let value = scores; ;) {
    const node = value.producer;
    const [first, second] = node?.inputs ?? [];
    if (node === undefined || value.isGraphOutput || first === undefined) return undefined;
    if (products.has(node.opType)) {
      const isMatrix = first.shape?.length === 2 && first.dtype === 'float32' && node.intAttribute('transA', 0) === 0;
      return isMatrix ? withNodes({ hidden: first, scores }, isFixed) : undefined;
    }
    const next = second !== undefined && isFixed(first) ? second : first;
    const others = node.inputs.filter((input) => input !== undefined && input !== next);
    const areRows = others.every((other) => other && isFixed(other) && (other.shape?.length ?? 2) <= 1);
    if (node.domain !== '' || !rowByRow.has(node.opType) || !areRows) return undefined;
    value = next;
  }
}

/** Constants, and what is computed from them alone. */
function fixedValues({ graph }: Model): ReadonlySet<Value> {
  const fixed = new Set([...graph.initializers.values()].filter((value) => !value.isGraphInput));
  for (const node of graph.nodes) {
    if (node.subgraphs.length > 0 || !node.inputs.every((input) => input === undefined || fixed.has(input))) continue;
    for (const output of node.outputs) if (output) fixed.add(output);
  }
  return fixed;
}

function withNodes(
  { hidden, scores }: Pick<FrozenHead, 'hidden' | 'scores'>,
  isFixed: (value: Value) => boolean,
): FrozenHead | undefined {
  const nodes: Node[] = [];
  const outer = new Set<Value>();
  const seen = new Set<Value>([hidden]);
  // In postorder, so that a node stands behind those that it reads.
  const visit = (value: Value): boolean => {
    if (seen.has(value)) return true;
    seen.add(value);
    if (isFixed(value)) return Boolean(outer.add(value));
    const { producer } = value;
    if (producer === undefined || producer.subgraphs.length > 0) return false;
    if (producer.outputs.some((output) => output && output !== value && output.isUsed)) return false;
    if (!producer.inputs.every((input) => input === undefined || visit(input))) return false;
    if (!nodes.includes(producer)) nodes.push(producer);
    return true;
  };
  if (!visit(scores)) return undefined;
  const own = new Set(nodes);
  // WHY: what is read from elsewhere too cannot be moved.
  const isOwn = nodes.every((node) =>
    node.outputs.every(
      (output) =>
        output === undefined ||
        output === scores ||
        (!output.isGraphOutput && [...output.uses].every((use) => own.has(use.node))),
    ),
  );
  return isOwn ? { hidden, scores, nodes, outer: [...outer] } : undefined;
}
