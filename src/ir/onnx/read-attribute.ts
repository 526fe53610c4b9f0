import type { Graph, Attribute } from '../graph.ts';
import { attributeKinds, type ReadableKind } from './attribute-types.ts';
import { attributeSchema, type AttributeMessage, type GraphMessage } from './messages.ts';
import { readTensor } from './read-tensor.ts';
import { readMessage } from './wire.ts';

/** Reads an attribute and its name. Kinds that the IR does not read become opaque. */
export function readAttribute(
  bytes: Uint8Array,
  readGraph: (message: GraphMessage) => Graph,
): readonly [name: string, attribute: Attribute] {
  const message = readMessage(attributeSchema, bytes);
  const { name = '', docString, unknown } = message;
  const kind = attributeKinds.get(message.type ?? 0) ?? guessKind(message);
  const carried = { ...(docString ? { docString } : {}), ...(unknown.length > 0 ? { unknown } : {}) };
  if (message.reference) {
    return [name, { kind: 'reference', value: { name: message.reference, type: message.type ?? 0 }, ...carried }];
  }
  const attribute = kind && valueOf(message, kind, readGraph);
  return [name, attribute ? { ...attribute, ...carried } : { kind: 'opaque', value: bytes }];
}

/** Files before IR version 2 do not store the kind. It is then the kind of the field that is present. */
function guessKind(message: AttributeMessage): ReadableKind | undefined {
  if (message.type) return undefined;
  const singular = (['float', 'int', 'string', 'tensor', 'graph'] as const).find((kind) => message[kind] !== undefined);
  const lists = ['floats', 'ints', 'strings', 'tensors', 'graphs'] as const;
  return singular ?? lists.find((kind) => message[kind].length > 0);
}

/** A missing value is 0 or empty, as protobuf defines it. A tensor or graph cannot be missing. */
function valueOf(
  message: AttributeMessage,
  kind: ReadableKind,
  readGraph: (message: GraphMessage) => Graph,
): Attribute | undefined {
  switch (kind) {
    case 'float':
      return { kind, value: message.float ?? 0 };
    case 'int':
      return { kind, value: message.int ?? 0n };
    case 'string':
      return { kind, value: message.string ?? new Uint8Array() };
    case 'tensor':
      return message.tensor && { kind, value: readTensor(message.tensor) };
    case 'graph':
      return message.graph && { kind, value: readGraph(message.graph) };
    case 'floats':
      return { kind, value: message.floats };
    case 'ints':
      return { kind, value: message.ints };
    case 'strings':
      return { kind, value: message.strings };
    case 'tensors':
      return { kind, value: message.tensors.map(readTensor) };
    case 'graphs':
      return { kind, value: message.graphs.map(readGraph) };
  }
}
