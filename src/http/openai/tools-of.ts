import { EspalierError } from '../../core/index.ts';
import { type ChatRequest, assertToolChoice } from '../../answering/index.ts';
import type { ChatCompletionBody } from './request-body.ts';

type ToolFields = Pick<ChatRequest, 'tools' | 'toolChoice' | 'parallelToolCalls'>;

/**
 * The tools of a body, under OpenAI's names or under its older ones, `functions` and `function_call`.
 * @throws EspalierError REQUEST_INVALID for names of both kinds, and for a choice of no tool
 */
export function toolsOf(body: ChatCompletionBody): ToolFields {
  const { tools, functions, tool_choice: choice, function_call: call, parallel_tool_calls: parallel } = body;
  const isOlder = usesFunctions(body);
  if (isOlder && (tools ?? choice) !== undefined) {
    const problem = 'tools are there too; leave one of them out';
    throw new EspalierError('REQUEST_INVALID', {
      param: functions === undefined ? 'function_call' : 'functions',
      problem,
    });
  }
  const given = (isOlder ? functions : tools) ?? undefined;
  const toolChoice = (isOlder ? call : choice) ?? 'auto';
  assertToolChoice(given, toolChoice, isOlder ? 'function_call' : 'tool_choice');
  return { tools: given, toolChoice, parallelToolCalls: !isOlder && parallel !== false };
}

/** Whether the answer calls in the older form. */
export function usesFunctions({ functions, function_call: call }: ChatCompletionBody): boolean {
  return (functions ?? call ?? undefined) !== undefined;
}
