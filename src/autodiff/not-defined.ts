import { EspalierError } from '../core/index.ts';
import type { Node } from '../ir/index.ts';

/** The path from a parameter to a value, for messages. */
export interface Way {
  readonly parameter: string;
  readonly path: string;
}

/** The error for a missing gradient. A rule throws it for a form of its operator that it does not support. */
export function notDefined(node: Node, what: string, way?: Way): EspalierError<'GRADIENT_NOT_DEFINED'> {
  const { parameter = 'that needs it', path = `through ${node.label}` } = way ?? {};
  return new EspalierError('GRADIENT_NOT_DEFINED', { what, node: node.label, parameter, path });
}
