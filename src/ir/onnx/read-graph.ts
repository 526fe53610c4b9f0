import { EspalierError } from '../../core/index.ts';
import type { ConstantData } from '../constant.ts';
import { Graph, type Node, type Value } from '../graph.ts';
import { valueInfoSchema, type GraphMessage, type NodeMessage, type ValueInfoMessage } from './messages.ts';
import { readAttribute } from './read-attribute.ts';
import { readSparseTensor, readTensor } from './read-tensor.ts';
import { readType } from './read-type.ts';
import { writeField } from './wire.ts';

/** Maximum nesting of subgraphs. No real model comes near it; it protects the stack from hostile files. */
const maxNesting = 32;

/** Reads a graph, whose nodes may use values of the graphs around it. The nodes keep the order of the file. */
export function readGraph(message: GraphMessage, parent?: Graph, nesting = 0): Graph {
  if (nesting > maxNesting) throw new RangeError(`graphs are nested deeper than ${maxNesting}`);
  const graph = new Graph(message.name ?? '', parent);
  graph.docString = message.docString ?? '';
  for (const { key = '', value = '' } of message.metadata) graph.metadata.set(key, value);
  for (const bytes of message.initializers) addInitializer(graph, readTensor(bytes));
  for (const bytes of message.sparseInitializers) addInitializer(graph, readSparseTensor(bytes));
  for (const info of message.inputs) describe(addInput(graph, info.name ?? ''), info);
  addNodes(graph, message.nodes, nesting);
  addOutputs(
    graph,
    message.outputs.map(({ name = '' }) => name),
  );
  const dangling = describeValues(graph, [...message.outputs, ...message.valueInfo], 13);
  graph.unknown = [...message.unknown, ...dangling];
  return graph;
}

function addInitializer(graph: Graph, constant: ConstantData): void {
  const { name = '' } = constant;
  if (name === '') throw new RangeError('an initializer has no name');
  graph.addInitializer(name, constant);
}

/** Adds an input. If an initializer has the same name, the initializer becomes the input's default. */
function addInput(graph: Graph, name: string): Value {
  if (name === '') throw new RangeError('an input has no name');
  const initializer = graph.initializers.get(name);
  return initializer && !initializer.isGraphInput ? graph.addInputWithDefault(initializer) : graph.addInput(name);
}

/** Creates all nodes and outputs first and connects the inputs afterwards, so that the file may list nodes in any order. */
export function addNodes(graph: Graph, messages: readonly NodeMessage[], nesting = 0): void {
  const nodes = messages.map((message) => [addNode(graph, message), message] as const);
  for (const [node, message] of nodes) {
    message.inputs.forEach((name, index) => node.setInput(index, name === '' ? undefined : find(graph, name, node)));
    for (const bytes of message.attributes) {
      const [name, attribute] = readAttribute(bytes, (body) => readGraph(body, graph, nesting + 1));
      if (node.attributes.has(name)) throw invalid(node, `it has two attributes ${name}`);
      node.setAttribute(name, attribute);
    }
  }
}

function addNode(graph: Graph, message: NodeMessage): Node {
  const { name = '', opType = '', docString = '', domain = '', overload = '', outputs, metadata, unknown } = message;
  return graph.addNode({
    opType,
    // WHY: 'ai.onnx' is an alias of ONNX's own domain ''.
    domain: domain === 'ai.onnx' ? '' : domain,
    overload,
    name,
    docString,
    inputs: [],
    outputs: outputs.map((output) => (output === '' ? undefined : { name: output })),
    metadata: metadata.map(({ key = '', value = '' }) => [key, value] as const),
    unknown,
  });
}

function find(graph: Graph, name: string, node: Node): Value {
  const value = graph.value(name);
  if (value === undefined) throw invalid(node, `nothing produces its input ${name}`);
  return value;
}

export function addOutputs(graph: Graph, names: readonly string[]): void {
  for (const name of names) {
    const value = graph.value(name);
    if (value === undefined) {
      throw new EspalierError('IR_INVALID', { where: `output ${name}`, reason: 'nothing produces it' });
    }
    graph.addOutput(value);
  }
}

/** Applies descriptions to their values. Descriptions of values that do not exist are returned as bytes, to be written back. */
export function describeValues(graph: Graph, infos: readonly ValueInfoMessage[], fieldId: number): Uint8Array[] {
  const dangling: Uint8Array[] = [];
  for (const info of infos) {
    const value = graph.value(info.name ?? '');
    if (value) describe(value, info);
    else dangling.push(writeField(fieldId, valueInfoSchema, info));
  }
  return dangling;
}

function describe(value: Value, info: ValueInfoMessage): void {
  if (info.docString) value.docString = info.docString;
  for (const { key = '', value: text = '' } of info.metadata) value.metadata.set(key, text);
  if (info.unknown.length > 0) value.unknown = info.unknown;
  if (info.type === undefined || (value.constant && !value.isGraphInput)) return;
  const { dtype, shape, kept } = readType(info.type);
  value.dtype = dtype ?? value.dtype;
  value.shape = shape ?? value.shape;
  if (kept) value.typeMessage = kept;
}

function invalid(node: Node, reason: string): EspalierError {
  return new EspalierError('IR_INVALID', { where: `node ${node.label}`, reason });
}
