import type { AttributeKind } from '../attribute.ts';

/** AttributeProto.AttributeType of each kind that the IR reads. */
export const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
} as const satisfies Partial<Record<AttributeKind, number>>;

export type ReadableKind = keyof typeof attributeTypes;

export const attributeKinds: ReadonlyMap<number, ReadableKind> = new Map(
  Object.entries(attributeTypes).map(([kind, type]) => [type, kind as ReadableKind]),
);
