import { FieldProblem } from '../../chat/index.ts';
import type { Item } from './items.ts';

/**
 * Finds an output of a function that no item before it has called. WHY refused: the template would write a result without a call, or
 * leave it out, and the answer would go astray without a sign.
 */
export function findOrphan(items: readonly Item[]): FieldProblem | undefined {
  const called = new Set<string>();
  for (const [place, item] of items.entries()) {
    if (item.type === 'function_call') called.add(item.call_id);
    if (item.type !== 'function_call_output' || called.has(item.call_id)) continue;
    const id = JSON.stringify(item.call_id.slice(0, 64));
    const problem = `no item before it calls a function with this id (${id}); send the function_call too, or previous_response_id`;
    return new FieldProblem([place, 'call_id'], problem);
  }
  return undefined;
}
