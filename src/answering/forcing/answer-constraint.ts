import { type AnswerForm, describedTool } from '../../chat/index.ts';
import type { ConstraintSpec } from '../../constrain/index.ts';
import { EspalierError } from '../../core/index.ts';
import { type ChatRequest, offeredTools } from '../chat-request.ts';
import { behindThought } from './behind-thought.ts';
import { forcedCalls } from './forced-calls.ts';
import { optionalCalls } from './optional-calls.ts';
import type { MarkTokenizer } from './literal-parts.ts';

export interface AnswerConstraintOptions {
  readonly form: AnswerForm;
  /** Whether the prompt has begun a thought. */
  readonly isThinking: boolean;
  readonly tokenizer: MarkTokenizer;
}

/**
 * The form that the whole text of an answer must have: calls where one is required, and the form of the request where it has one. A model
 * that may call and has a form for its words does one of both. One that may call strict tools writes free text and calls of their schemas. Thoughts before are free.
 *
 * @returns undefined: any text
 * @throws EspalierError REQUEST_UNSUPPORTED for a required call together with `min_tokens`
 */
export function answerConstraint(
  chat: ChatRequest,
  { form, isThinking, tokenizer }: AnswerConstraintOptions,
): ConstraintSpec | undefined {
  const { toolChoice: choice, parallelToolCalls: isParallel } = chat;
  const constraint = chat.constraint?.spec;
  const isForced = choice === 'required' || typeof choice === 'object';
  const tools = offeredTools(chat);
  if (isForced) assertFree(chat);
  let spec = constraint;
  if (tools !== undefined && form.calls !== undefined && (isForced || constraint !== undefined)) {
    const calls = forcedCalls({ calls: form.calls, tools, choice, isParallel, tokenizer });
    spec = isForced || constraint === undefined ? calls : { kind: 'any-of', options: [calls, constraint] };
  }
  if (spec === undefined && tools?.some((tool) => describedTool(tool).isStrict) === true && form.calls !== undefined) {
    spec = optionalCalls({ calls: form.calls, tools, isParallel, tokenizer });
  }
  const { thoughts } = form;
  return spec && thoughts ? behindThought(spec, { thoughts, isBegun: isThinking, tokenizer }) : spec;
}

function assertFree({ drawing: { sampling } }: ChatRequest): void {
  if ((sampling.minTokens ?? 0) === 0) return;
  const problem = 'a required call ends where it is complete; leave min_tokens out';
  throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'min_tokens', problem });
}
