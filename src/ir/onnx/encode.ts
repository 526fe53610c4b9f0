import { finishInSlices, finishNow, type Steps } from '../../core/index.ts';
import type { ConstantData } from '../constant.ts';
import type { Graph, Attribute, Node, Value } from '../graph.ts';
import type { Model, ModelFunction } from '../model.ts';
import { attributeTypes, type ReadableKind } from './attribute-types.ts';
import {
  attributeSchema,
  modelSchema,
  type AttributeMessage,
  type FunctionMessage,
  type GraphMessage,
  type NodeMessage,
  type OpsetMessage,
  type StringEntryMessage,
  type ValueInfoMessage,
} from './messages.ts';
import { writeMessage, writeSteps } from './wire.ts';
import { stringEntry, writeTensor } from './write-tensor.ts';
import { typeOf } from './write-type.ts';

/**
 * Encodes a model as an ONNX file. The same model always gives the same bytes. External weights stay in their files.
 */
export function encodeModel(model: Model): Uint8Array {
  return finishNow(encodeSteps(model));
}

/** As `encodeModel`, and lets other tasks run meanwhile. Nothing may change the model before it has ended. */
export function encodeInSlices(model: Model): Promise<Uint8Array> {
  return finishInSlices(encodeSteps(model));
}

function* encodeSteps(model: Model): Steps<Uint8Array> {
  return yield* writeSteps(modelSchema, {
    irVersion: BigInt(model.irVersion),
    producerName: model.producerName || undefined,
    producerVersion: model.producerVersion || undefined,
    domain: model.domain || undefined,
    modelVersion: model.modelVersion || undefined,
    docString: model.docString || undefined,
    graph: yield* graphSteps(model.graph),
    opsets: opsetMessages(model.opsets),
    metadata: metadataMessages(model.metadata),
    functions: model.functions.map(functionMessage),
    unknown: model.unknown,
  });
}

function graphMessage(graph: Graph): GraphMessage {
  return finishNow(graphSteps(graph));
}

function* graphSteps(graph: Graph): Steps<GraphMessage> {
  return {
    nodes: yield* mapped(graph.nodes, nodeMessage),
    name: graph.name || undefined,
    initializers: yield* initializerSteps(graph, false),
    sparseInitializers: yield* initializerSteps(graph, true),
    docString: graph.docString || undefined,
    inputs: yield* mapped(graph.inputs, valueInfoMessage),
    outputs: yield* mapped(graph.outputs, valueInfoMessage),
    valueInfo: yield* mapped(describedValues(graph), valueInfoMessage),
    metadata: metadataMessages(graph.metadata),
    unknown: graph.unknown,
  };
}

function* mapped<From, To>(items: readonly From[], map: (item: From) => To): Steps<To[]> {
  const results: To[] = [];
  for (const item of items) {
    results.push(map(item));
    yield;
  }
  return results;
}

function* initializerSteps(graph: Graph, sparse: boolean): Steps<Uint8Array[]> {
  const written: Uint8Array[] = [];
  for (const { name, constant } of graph.initializers.values()) {
    if (constant === undefined || isSparse(constant) !== sparse) continue;
    written.push(writeTensor(constant, name));
    yield;
  }
  return written;
}

function isSparse(constant: ConstantData): boolean {
  return constant.kind === 'opaque' && constant.sparse === true;
}

/**
 * The values between nodes that have a type, documentation or metadata to write.
 * WHY in the order of the nodes: the bytes must not depend on the order in which a graph was edited.
 */
function describedValues(graph: Graph): Value[] {
  const initializers = [...graph.initializers.values()].filter(saysMore);
  const computed = graph.nodes.flatMap((node) => node.outputs.flatMap((value) => value ?? []));
  return [...initializers, ...computed.filter(isTyped)].filter(
    (value) => !value.isGraphInput && !value.outputOf.has(graph),
  );
}

function saysMore(value: Value): boolean {
  return (
    value.docString !== '' || value.metadata.size > 0 || value.unknown.length > 0 || value.typeMessage !== undefined
  );
}

function isTyped(value: Value): boolean {
  return value.dtype !== undefined || saysMore(value);
}

function valueInfoMessage(value: Value): ValueInfoMessage {
  return {
    name: value.name,
    type: typeOf(value),
    docString: value.docString || undefined,
    metadata: metadataMessages(value.metadata),
    unknown: value.unknown,
  };
}

function nodeMessage(node: Node): NodeMessage {
  return {
    inputs: node.inputs.map((value) => value?.name ?? ''),
    outputs: node.outputs.map((value) => value?.name ?? ''),
    name: node.name || undefined,
    opType: node.opType,
    attributes: [...node.attributes].map(([name, attribute]) => writeAttribute(name, attribute)),
    docString: node.docString || undefined,
    domain: node.domain || undefined,
    overload: node.overload || undefined,
    metadata: metadataMessages(node.metadata),
    unknown: node.unknown,
  };
}

function writeAttribute(name: string, attribute: Attribute): Uint8Array {
  if (attribute.kind === 'opaque') return attribute.value;
  const message: AttributeMessage = {
    name,
    floats: [],
    ints: [],
    strings: [],
    tensors: [],
    graphs: [],
    docString: attribute.docString || undefined,
    type: attribute.kind === 'reference' ? attribute.value.type : attributeTypes[attribute.kind],
    unknown: attribute.unknown ?? [],
  };
  return writeMessage(attributeSchema, { ...message, ...attributeFields(attribute) });
}

function attributeFields(attribute: Exclude<Attribute, { kind: 'opaque' }>): Partial<AttributeMessage> {
  switch (attribute.kind) {
    case 'tensor':
      return { tensor: writeTensor(attribute.value, attribute.value.name) };
    case 'tensors':
      return { tensors: attribute.value.map((constant) => writeTensor(constant, constant.name)) };
    case 'graph':
      return { graph: graphMessage(attribute.value) };
    case 'graphs':
      return { graphs: attribute.value.map(graphMessage) };
    case 'reference':
      return { reference: attribute.value.name };
    default:
      return { [attribute.kind satisfies ReadableKind]: attribute.value };
  }
}

function functionMessage(fn: ModelFunction): FunctionMessage {
  const { graph } = fn;
  return {
    name: fn.name,
    inputs: graph.inputs.map(({ name }) => name),
    outputs: graph.outputs.map(({ name }) => name),
    attributes: [...fn.attributes],
    nodes: graph.nodes.map(nodeMessage),
    docString: fn.docString || undefined,
    opsets: opsetMessages(fn.opsets),
    domain: fn.domain || undefined,
    defaults: [...fn.defaults].map(([name, attribute]) => writeAttribute(name, attribute)),
    valueInfo: [...graph.values()]
      .filter((value) => value.dtype !== undefined || saysMore(value))
      .map(valueInfoMessage),
    overload: fn.overload || undefined,
    metadata: metadataMessages(fn.metadata),
    unknown: fn.unknown,
  };
}

function opsetMessages(opsets: ReadonlyMap<string, number>): OpsetMessage[] {
  return [...opsets].map(([domain, version]) => ({ domain, version: BigInt(version), unknown: [] }));
}

function metadataMessages(metadata: ReadonlyMap<string, string>): StringEntryMessage[] {
  return [...metadata].map(([key, value]) => stringEntry(key, value));
}
