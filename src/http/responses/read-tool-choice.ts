import { z } from 'zod';
import { describeValue, FieldProblem, isFields } from '../../chat/index.ts';
import type { ToolChoice } from '../../answering/index.ts';
import type { FunctionTool } from './read-tools.ts';
import { readWith } from './read-with.ts';

/** What `tool_choice` says: which tools the model may call, and whether it has to. */
export interface ReadToolChoice {
  readonly tools: readonly FunctionTool[];
  readonly choice: ToolChoice;
}

const words = ['auto', 'none', 'required'] as const;
const named = z.object({ type: z.literal('function'), name: z.string() });
const allowed = z.object({
  type: z.literal('allowed_tools'),
  mode: z.enum(['auto', 'required']),
  tools: z.array(named).min(1).max(1024),
});

/** Reads `tool_choice` beside the tools of the request. */
export function readToolChoice(value: unknown, tools: readonly FunctionTool[]): ReadToolChoice | FieldProblem {
  const word = words.find((one) => one === (value ?? 'auto'));
  if (word === 'required' && tools.length === 0) return new FieldProblem([], 'there are no tools to call');
  if (word !== undefined) return { tools, choice: word };
  if (!isFields(value)) {
    const problem = `${words.join(', ')} or an object is expected, got ${describeValue(value)}`;
    return new FieldProblem([], problem);
  }
  const { type } = value;
  if (type === 'function') return readNamed(value, tools);
  if (type === 'allowed_tools') return readAllowed(value, tools);
  const problem = `"function" or "allowed_tools" is expected, got ${describeValue(type)}; no other tools are run here`;
  return new FieldProblem(['type'], problem);
}

function readNamed(value: unknown, tools: readonly FunctionTool[]): ReadToolChoice | FieldProblem {
  const read = readWith(named, value);
  if (read instanceof FieldProblem) return read;
  return missing(read.name, tools) ?? { tools, choice: { name: read.name } };
}

/** The model is told of no others: it cannot call what it does not know. */
function readAllowed(value: unknown, tools: readonly FunctionTool[]): ReadToolChoice | FieldProblem {
  const read = readWith(allowed, value);
  if (read instanceof FieldProblem) return read;
  for (const [place, { name }] of read.tools.entries()) {
    const problem = missing(name, tools);
    if (problem !== undefined) return problem.within('tools', place);
  }
  const names = new Set(read.tools.map(({ name }) => name));
  return { tools: tools.filter(({ name }) => names.has(name)), choice: read.mode };
}

function missing(name: string, tools: readonly FunctionTool[]): FieldProblem | undefined {
  if (tools.some((tool) => tool.name === name)) return undefined;
  return new FieldProblem(['name'], `no tool has this name, got ${describeValue(name)}`);
}
