import { expertsKey, type ExpertGroup, type ModuleKind, type Node, type Value } from '../../ir/index.ts';

/** The place in a graph where a module is computed. */
export interface ModuleSite {
  readonly kind: ModuleKind;
  readonly node: Node;
  /** linear: [..., in], or [in, tokens] if it is transposed; embedding: integers [...]; conv: [batch, in, ...]. */
  readonly x: Value;
  /** The result that the rest of the graph reads: linear and embedding [..., out]; conv [batch, out, ...]. */
  readonly y: Value;
  /** The weight as the node reads it; for a quantized node the packed bytes. */
  readonly weight: Value | undefined;
  /** [out], the bias that the node itself adds. */
  readonly bias?: Value;
  readonly in: number;
  readonly out: number;
  /** The node transposes its input, like a Gemm with transA. */
  readonly turned: boolean;
  /** The weight is stored as [in, out], not as [out, in]. */
  readonly transposed: boolean;
  readonly kernel?: readonly number[];
  readonly groups?: number;
  /** Of experts. */
  readonly group?: ExpertSite;
}

/** The values that adapters of experts read. */
export interface ExpertSite {
  readonly experts: number;
  /** i64 [experts] */
  readonly counts: Value;
  /** i64 [rows]: the number of each row before it was sorted */
  readonly order: Value;
  readonly perToken: number;
}

/** A site, or the reason why the node cannot have an adapter. */
export type SiteResult = { readonly site: ModuleSite } | { readonly problem: string };

/**
 * Reads a node as a module. Operators: MatMul, Gemm, Conv, Gather; ONNX Runtime's FusedMatMul, MatMulNBits, DynamicQuantizeMatMul,
 * MatMulIntegerToFloat, GatherBlockQuantized; and MatMulInteger with the Cast and Mul that convert its result to floats.
 *
 * @returns undefined for every other operator
 */
export function readSite(node: Node): SiteResult | undefined {
  const [y] = node.outputs;
  if (node.metadata.has(expertsKey)) return readExperts(node);
  const read = readers[node.qualifiedType];
  if (read === undefined) return undefined;
  const result = y === undefined ? { problem: 'has no result' } : read(node, y);
  const bias = node.inputs[biasInputs[node.opType] ?? NaN];
  return 'site' in result && bias !== undefined ? { site: { ...result.site, bias } } : result;
}

/** The node that joins the products of all experts. `in` and `out` are the widths of all experts together. */
function readExperts(node: Node): SiteResult {
  // WHY `as`: the builder of mixtures wrote the record that is read here.
  const { experts, perToken, ...names } = JSON.parse(node.metadata.get(expertsKey) ?? '{}') as ExpertGroup;
  const [y] = node.outputs;
  const [x, numbers, places] = valuesBefore(node, [names.rows, names.counts, names.order]);
  const [width, out] = [x?.shape?.[1], y?.shape?.[1]];
  if (y === undefined || x === undefined || numbers === undefined || places === undefined) {
    return { problem: 'has lost the rows of its experts' };
  }
  if (typeof width !== 'number' || typeof out !== 'number') return { problem: 'has experts of unknown size' };
  const sizes = { in: experts * width, out: experts * out, turned: false, transposed: false };
  const group = { experts, perToken, counts: numbers, order: places };
  return { site: { kind: 'experts', node, x, y, weight: undefined, ...sizes, group } };
}

/** Values of these names from which a node is computed, near ones first; undefined for a name that is not found. */
function valuesBefore(node: Node, names: readonly string[]): (Value | undefined)[] {
  const found = new Map<string, Value>();
  const seen = new Set<Node>([node]);
  for (const { inputs } of seen) {
    for (const value of inputs) {
      if (value === undefined) continue;
      if (names.includes(value.name)) found.set(value.name, value);
      if (value.producer) seen.add(value.producer);
    }
    if (found.size === names.length) break;
  }
  return names.map((name) => found.get(name));
}

/** The index of the bias among an operator's inputs. */
const biasInputs: Readonly<Record<string, number>> = {
  Gemm: 2,
  Conv: 2,
  MatMulNBits: 5,
  DynamicQuantizeMatMul: 4,
  MatMulIntegerToFloat: 6,
};

type Reader = (node: Node, y: Value) => SiteResult;

const readers: Readonly<Record<string, Reader>> = {
  MatMul: (node, y) => product(node, { x: node.inputs[0], y, weight: node.inputs[1], columnsIn: false }),
  Gemm: (node, y) =>
    product(node, { ...sides(node), y, columnsIn: node.intAttribute('transB', 0) !== 0, turned: isTurned(node) }),
  'com.microsoft:FusedMatMul': readFusedMatMul,
  'com.microsoft:MatMulNBits': readMatMulNBits,
  'com.microsoft:DynamicQuantizeMatMul': (node, y) => product(node, { ...sides(node), y, columnsIn: false }),
  'com.microsoft:MatMulIntegerToFloat': readIntegerToFloat,
  MatMulInteger: readMatMulInteger,
  Conv: readConv,
  Gather: readGather,
  'com.microsoft:GatherBlockQuantized': readGatherBlockQuantized,
};

interface Product {
  readonly x: Value | undefined;
  readonly y: Value;
  readonly weight: Value | undefined;
  /** The weight's last axis is the input. */
  readonly columnsIn: boolean;
  readonly turned?: boolean;
}

function product(_: Node, { x, y, weight, columnsIn, turned = false }: Product): SiteResult {
  const [rows, columns] = weight?.shape?.length === 2 ? weight.shape : [];
  if (x === undefined || typeof rows !== 'number' || typeof columns !== 'number') {
    return { problem: 'has no weight matrix of known size' };
  }
  const [width, out] = columnsIn ? [columns, rows] : [rows, columns];
  return { site: { kind: 'linear', node: _, x, y, weight, in: width, out, turned, transposed: !columnsIn } };
}

function sides({ inputs: [x, weight] }: Node): { readonly x: Value | undefined; readonly weight: Value | undefined } {
  return { x, weight };
}

function isTurned(node: Node): boolean {
  return node.intAttribute('transA', 0) !== 0;
}

function readFusedMatMul(node: Node, y: Value): SiteResult {
  const flags = ['transBatchA', 'transBatchB'].filter((name) => node.intAttribute(name, 0) !== 0);
  if (flags.length > 0) return { problem: `moves its batch axes (${flags.join(', ')}), which adapters cannot follow` };
  const turned = isTurned(node);
  if (turned && node.inputs[0]?.shape?.length !== 2) return { problem: turnedProblem };
  return product(node, { ...sides(node), y, columnsIn: node.intAttribute('transB', 0) !== 0, turned });
}

const turnedProblem = 'turns its input over with more axes than two, which adapters cannot follow';

function readMatMulNBits(node: Node, y: Value): SiteResult {
  const [x, weight] = node.inputs;
  const [width, out] = [node.intAttribute('K'), node.intAttribute('N')];
  if (x === undefined || width === undefined || out === undefined)
    return { problem: 'does not say its size (K and N)' };
  return { site: { kind: 'linear', node, x, y, weight, in: width, out, turned: false, transposed: false } };
}

/** An adapter reads the numbers before they are quantized, like the float layer on which it was trained. */
function readIntegerToFloat(node: Node, y: Value): SiteResult {
  const [quantized, weight] = node.inputs;
  const producer = quantized?.producer;
  const x = producer && quantizers.has(producer.opType) ? producer.inputs[0] : undefined;
  if (x === undefined) return { problem: 'reads integers that no node of the graph made from floats' };
  return product(node, { x, y, weight, columnsIn: false });
}

/** The nodes that dynamic quantization writes: a product of integers, a Cast, and a Mul by both scales, which gives floats. */
function readMatMulInteger(node: Node, y: Value): SiteResult {
  const scaled = onlyResult(onlyResult(y, 'Cast'), 'Mul');
  if (scaled === undefined) return { problem: 'gives integers that no Cast and Mul make floats of' };
  return readIntegerToFloat(node, scaled);
}

/** The result of the only reader of a value, if it has this operator. */
function onlyResult(value: Value | undefined, opType: string): Value | undefined {
  const [use, ...more] = value?.uses ?? [];
  return use !== undefined && more.length === 0 && !value?.isGraphOutput && use.node.opType === opType
    ? use.node.outputs[0]
    : undefined;
}

const quantizers: ReadonlySet<string> = new Set(['DynamicQuantizeLinear', 'QuantizeLinear']);

function readConv(node: Node, y: Value): SiteResult {
  const [x, weight] = node.inputs;
  const [out, width, ...kernel] = weight?.shape ?? [];
  const sizes = kernel.filter((extent) => typeof extent === 'number');
  if (x === undefined || typeof out !== 'number' || typeof width !== 'number' || sizes.length !== kernel.length) {
    return { problem: 'has no kernel of known size' };
  }
  if (sizes.length === 0) return { problem: 'has a kernel without any axis' };
  const groups = node.intAttribute('group', 1);
  const size = { in: width * groups, out, kernel: sizes, groups };
  return { site: { kind: 'conv', node, x, y, weight, ...size, turned: false, transposed: false } };
}

function readGather(node: Node, y: Value): SiteResult {
  const [weight, x] = node.inputs;
  const [rows, out] = weight?.shape?.length === 2 ? weight.shape : [];
  if (x === undefined || typeof rows !== 'number' || typeof out !== 'number') {
    return { problem: 'has no table of known size' };
  }
  const axis = node.intAttribute('axis', 0);
  if (axis !== 0 && axis !== -2) return { problem: 'picks columns, not rows' };
  return { site: embedding(node, { x, y: afterCast(y), weight, in: rows, out }) };
}

function readGatherBlockQuantized(node: Node, y: Value): SiteResult {
  const [weight, x] = node.inputs;
  const rows = weight?.shape?.[0];
  const out = y.shape?.at(-1) ?? widthOf(node);
  if (x === undefined || typeof rows !== 'number' || typeof out !== 'number') {
    return { problem: 'has no table of known size' };
  }
  if (node.intAttribute('gather_axis', 0) !== 0) return { problem: 'picks columns, not rows' };
  return { site: embedding(node, { x, y: afterCast(y), weight, in: rows, out }) };
}

/** The number of elements in a row of a table of packed bytes. */
function widthOf(node: Node): number | undefined {
  const [table] = node.inputs;
  const columns = table?.shape?.[1];
  if (typeof columns !== 'number') return undefined;
  return table?.dtype === 'uint8' ? columns * Math.floor(8 / node.intAttribute('bits', 4)) : columns;
}

type EmbeddingParts = Pick<ModuleSite, 'x' | 'y' | 'weight' | 'in' | 'out'>;

function embedding(node: Node, parts: EmbeddingParts): ModuleSite {
  return { kind: 'embedding', node, ...parts, turned: false, transposed: true };
}

/** The rows of a table of half-width floats are cast after they are picked. The graph reads the result of the cast. */
function afterCast(y: Value): Value {
  return (y.dtype === 'float32' ? undefined : onlyResult(y, 'Cast')) ?? y;
}
