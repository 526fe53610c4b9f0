import { describedTool, type Tool } from '../chat/index.ts';
import { EspalierError } from '../core/index.ts';
import type { ToolChoice } from './chat-request.ts';

/**
 * Refuses a call that is required of a tool that is not there.
 * @throws EspalierError REQUEST_INVALID
 */
export function assertToolChoice(tools: readonly Tool[] | undefined, choice: ToolChoice, param: string): void {
  if (choice === 'none' || choice === 'auto') return;
  const names = (tools ?? []).map((tool) => describedTool(tool).name);
  if (typeof choice === 'string' ? names.length > 0 : names.includes(choice.name)) return;
  const wanted = typeof choice === 'string' ? 'a call is required' : `"${choice.name}" is to be called`;
  const there = names.length === 0 ? 'no tools are there' : `the tools are ${names.slice(0, 8).join(', ')}`;
  throw new EspalierError('REQUEST_INVALID', { param, problem: `${wanted}, and ${there}` });
}
