import type { ConstraintSpec } from '../constrain/index.ts';
import type { GenerationRoute, Reservation } from '../service/index.ts';
import type { AnswerContext } from './answer-context.ts';
import { answerLength, type LengthLimit } from './answer-length.ts';
import { type AskedForm, compileForm } from './asked-form.ts';
import type { Caller } from './caller.ts';
import { contextFor } from './context-for.ts';
import type { Drawing } from './drawing.ts';
import type { Prompt } from './echo.ts';
import { type Choice, startChoices } from './generation.ts';
import { logitsFunctionsOf } from './logits-functions.ts';
import type { Reading } from './reading.ts';
import { requestedAdapters } from './route-adapters.ts';

/** What is to be generated, whoever answers. */
export interface AnswerPlan {
  readonly drawing: Drawing;
  /** The form that the text of the answer must have. undefined: any. */
  readonly constraint?: AskedForm | undefined;
  /** Makes the prompts, with the tokenizer of the version that answers. */
  readonly prompts: (context: AnswerContext) => Promise<readonly Prompt[]>;
  /** How the texts of the answer are read. Absent: as plain text. */
  readonly reading?: (context: AnswerContext, prompts: readonly Prompt[]) => Reading | undefined;
  readonly length: LengthLimit;
  readonly continuesPrompt: boolean;
  readonly echo: boolean;
  /** Who asks, where senders are distinguished. */
  readonly caller?: Caller | undefined;
}

/** An answer that is being generated. */
export interface StartedAnswer {
  /** Number of prompt tokens. Choices that share a prompt count its tokens once. */
  readonly promptTokens: number;
  readonly choices: readonly Choice[];
}

export interface StartAnswerOptions {
  /** Ends the generation. It is aborted if the engine refuses a choice. */
  readonly controller: AbortController;
  /** Places in the queue, one for each choice. */
  readonly place?: Reservation | undefined;
}

/**
 * Starts all choices of an answer, or none: if the engine refuses one, those begun before it are ended.
 *
 * WHY the prompts come after the lease: an adapter may be replaced meanwhile, and the template and the weights must be of one version.
 *
 * @param route  is shared by the engine until the last token, so the caller may dispose it when the answer has begun
 * @throws EspalierError REQUEST_UNSUPPORTED, REQUEST_INVALID, ANSWER_BEYOND_CONTEXT; the errors of the prompts, of the form and of the engine
 */
export async function startAnswer(
  server: AnswerContext,
  route: Pick<GenerationRoute, 'leases' | 'scales'>,
  plan: AnswerPlan,
  { controller, place }: StartAnswerOptions,
): Promise<StartedAnswer> {
  const context = contextFor(server, route);
  const functions = logitsFunctionsOf(plan.drawing.processors ?? [], server.logitsProcessors);
  const prompts = await plan.prompts(context);
  const reading = plan.reading?.(context, prompts);
  const form = reading?.constraint ?? plan.constraint?.spec;
  const choices = await startAll(
    context,
    route,
    { ...plan, ...functions, prompts, reading, form },
    { controller, place },
  );
  return { choices, promptTokens: prompts.reduce((sum, { tokens }) => sum + tokens.length, 0) };
}

interface MadePlan extends Omit<AnswerPlan, 'prompts' | 'reading'>, ReturnType<typeof logitsFunctionsOf> {
  readonly prompts: readonly Prompt[];
  readonly reading: Reading | undefined;
  readonly form: ConstraintSpec | undefined;
}

async function startAll(
  { engine, tokenizer, eosTokenIds, maxLength, constraints }: AnswerContext,
  route: Pick<GenerationRoute, 'leases' | 'scales'>,
  { length, form, constraint: asked, ...plan }: MadePlan,
  { controller, place }: StartAnswerOptions,
): Promise<readonly Choice[]> {
  const longest = plan.prompts.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
  const maxTokens = answerLength(length, longest, maxLength);
  const { signal } = controller;
  const constraint = form && (await compileForm(form, { constraints, tokenizer, asked }));
  const adapters = requestedAdapters(route);
  try {
    const common = { ...plan, constraint, engine, tokenizer, adapters, maxTokens, eosTokenIds, signal, place };
    return await startChoices(common);
  } catch (error) {
    controller.abort(error);
    throw error;
  }
}
