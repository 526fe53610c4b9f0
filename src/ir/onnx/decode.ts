import { EspalierError, messageOf } from '../../core/index.ts';
import { Graph } from '../graph.ts';
import type { Model, ModelFunction } from '../model.ts';
import { sortNodes } from '../sort.ts';
import {
  modelSchema,
  type FunctionMessage,
  type ModelMessage,
  type OpsetMessage,
  type StringEntryMessage,
} from './messages.ts';
import { readAttribute } from './read-attribute.ts';
import { addNodes, addOutputs, describeValues, readGraph } from './read-graph.ts';
import { readMessage } from './wire.ts';

/**
 * Decodes the bytes of an ONNX file. Initializers are views of `bytes`, which must not change afterwards. External weights are
 * not read. The nodes of the result are in topological order.
 *
 * @throws EspalierError IR_MALFORMED if the bytes are not a complete model
 * @throws EspalierError IR_INVALID for a graph that breaks ONNX's rules: a duplicate name, an input without a producer, a cycle
 * @throws EspalierError IR_EXTERNAL_DATA for weights outside the model's folder
 */
export function decodeModel(bytes: Uint8Array, options: { readonly what?: string } = {}): Model {
  try {
    // WHY a plain Uint8Array: slice() of a Buffer does not copy, and its subarrays are Buffers too.
    return modelOf(readMessage(modelSchema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)));
  } catch (cause) {
    throw asModelError(cause, options.what ?? 'The model');
  }
}

function asModelError(cause: unknown, what: string): EspalierError {
  if (!EspalierError.isInstance(cause)) {
    const reason = messageOf(cause);
    return new EspalierError('IR_MALFORMED', { what, reason }, { cause });
  }
  if (cause.code !== 'IR_NAME_TAKEN') return cause;
  const where = `value ${cause.details['name']}`;
  return new EspalierError('IR_INVALID', { where, reason: 'another value has the same name' }, { cause });
}

function modelOf(message: ModelMessage): Model {
  if (message.graph === undefined) throw new RangeError('it has no graph');
  const graph = readGraph(message.graph);
  sortNodes(graph);
  return {
    irVersion: Number(message.irVersion ?? 0n),
    producerName: message.producerName ?? '',
    producerVersion: message.producerVersion ?? '',
    domain: message.domain ?? '',
    modelVersion: message.modelVersion ?? 0n,
    docString: message.docString ?? '',
    graph,
    opsets: readOpsets(message.opsets),
    functions: message.functions.map(functionOf),
    metadata: readEntries(message.metadata),
    unknown: message.unknown,
  };
}

function functionOf(message: FunctionMessage): ModelFunction {
  const graph = new Graph(message.name ?? '');
  for (const name of message.inputs) graph.addInput(name);
  addNodes(graph, message.nodes);
  addOutputs(graph, message.outputs);
  graph.unknown = describeValues(graph, message.valueInfo, 12);
  sortNodes(graph);
  return {
    name: message.name ?? '',
    domain: message.domain ?? '',
    overload: message.overload ?? '',
    graph,
    attributes: message.attributes,
    defaults: new Map(message.defaults.map((bytes) => readAttribute(bytes, (body) => readGraph(body, graph)))),
    opsets: readOpsets(message.opsets),
    docString: message.docString ?? '',
    metadata: readEntries(message.metadata),
    unknown: message.unknown,
  };
}

function readOpsets(messages: readonly OpsetMessage[]): Map<string, number> {
  return new Map(
    messages.map(({ domain = '', version = 0n }) => [domain === 'ai.onnx' ? '' : domain, Number(version)]),
  );
}

function readEntries(messages: readonly StringEntryMessage[]): Map<string, string> {
  return new Map(messages.map(({ key = '', value = '' }) => [key, value]));
}
