import { moduleKey } from './modules.ts';
import type { DataType } from '../tensor/index.ts';
import { constantDtype, constantShape, type ConstantData } from './constant.ts';
import type { Shape } from './dim.ts';
import type { Graph, Attribute, Node, Value } from './graph.ts';
import type { Model } from './model.ts';

const shortNames: Readonly<Record<DataType, string>> = {
  float32: 'f32',
  float64: 'f64',
  float16: 'f16',
  bfloat16: 'bf16',
  float8e4m3fn: 'f8',
  int8: 'i8',
  uint8: 'u8',
  int16: 'i16',
  uint16: 'u16',
  int32: 'i32',
  uint32: 'u32',
  int64: 'i64',
  uint64: 'u64',
  bool: 'bool',
  string: 'str',
  int4: 'i4',
  uint4: 'u4',
};

/**
 * Prints a graph as text for human readers, with one line for each input, initializer, node and output:
 * `%y: f32[batch*seq, 32] = Gemm(%x, %w) {transB=1} # model.layers.0.self_attn.q_proj`
 */
export function printModel(model: Model | Graph): string {
  if (!('graph' in model)) return printGraph(model, '').join('\n');
  const opsets = [...model.opsets].map(([domain, version]) => `${domain || 'onnx'} ${version}`).join(', ');
  const functions = model.functions.flatMap(({ domain, name, graph }) => [
    '',
    `function ${domain}:${name}`,
    ...printGraph(graph, ''),
  ]);
  return [
    `model${model.producerName && ` of ${model.producerName}`}, IR version ${model.irVersion}, ${opsets}`,
    ...printGraph(model.graph, ''),
    ...functions,
  ].join('\n');
}

/** Formats dtype and shape: f32[batch*seq, 32]; '?' means unknown. */
export function printType(dtype: DataType | undefined, shape: Shape | undefined): string {
  const name = dtype ? shortNames[dtype] : '?';
  return shape ? `${name}[${shape.map((dim) => dim ?? '?').join(', ')}]` : `${name}[...]`;
}

function printGraph(graph: Graph, indent: string): string[] {
  const inner = `${indent}  `;
  const initializers = [...graph.initializers.values()].map((value) => `${inner}${printInitializer(value)}`);
  return [
    `${indent}graph ${graph.name}(${graph.inputs.map(printValue).join(', ')}) {`,
    ...initializers,
    ...graph.nodes.flatMap((node) => printNode(node, inner)),
    `${inner}return ${graph.outputs.map((value) => `%${value.name}`).join(', ')}`,
    `${indent}}`,
  ];
}

function printValue(value: Value): string {
  return `%${value.name}: ${printType(value.dtype, value.shape)}`;
}

function printInitializer(value: Value): string {
  const { constant } = value;
  return constant ? `${printValue(value)} = ${printData(constant)}` : printValue(value);
}

function printData(constant: ConstantData): string {
  if (constant.kind === 'external') return `${constant.location}@${constant.offset}+${constant.length}`;
  return constant.kind === 'inline' ? `${constant.tensor.bytes.length} bytes` : 'opaque';
}

function printNode(node: Node, indent: string): string[] {
  const outputs = node.outputs.map((value) => (value ? printValue(value) : '_')).join(', ');
  const inputs = node.inputs.map((value) => (value ? `%${value.name}` : '_')).join(', ');
  const plain = [...node.attributes].filter(([, { kind }]) => kind !== 'graph' && kind !== 'graphs');
  const attributes = plain.map(([name, attribute]) => `${name}=${printAttribute(attribute)}`).join(', ');
  const module = node.metadata.get(moduleKey) ?? node.name;
  const line = `${indent}${outputs} = ${node.qualifiedType}(${inputs})${attributes && ` {${attributes}}`}${module && ` # ${module}`}`;
  return [line, ...node.subgraphs.flatMap((graph) => printGraph(graph, `${indent}  `))];
}

function printAttribute(attribute: Attribute): string {
  switch (attribute.kind) {
    case 'int':
      return String(attribute.value);
    case 'float':
      return printFloat(attribute.value);
    case 'string':
      return JSON.stringify(new TextDecoder().decode(attribute.value));
    case 'ints':
      return `[${attribute.value.join(', ')}]`;
    case 'floats':
      return `[${attribute.value.map(printFloat).join(', ')}]`;
    case 'strings':
      return `[${attribute.value.map((text) => JSON.stringify(new TextDecoder().decode(text))).join(', ')}]`;
    case 'tensor':
      return printType(constantDtype(attribute.value), constantShape(attribute.value));
    case 'reference':
      return `@${attribute.value.name}`;
    default:
      return `<${attribute.kind}>`;
  }
}

/** Seven digits are enough for an f32. The point distinguishes it from an int. */
function printFloat(value: number): string {
  const text = String(Number(value.toPrecision(7)));
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
