import { FieldProblem, readVariables, type TemplateVariables } from '../../chat/index.ts';
import { EspalierError } from '../../core/index.ts';

/** The fields of a body that hold values for the chat template. */
export interface VariableFields {
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>> | null | undefined;
  readonly enable_thinking?: boolean | null | undefined;
}

/** @throws EspalierError REQUEST_INVALID for values that a template is given in another way */
export function variablesOf({
  chat_template_kwargs: given,
  enable_thinking: thinks,
}: VariableFields): TemplateVariables | undefined {
  const variables = readVariables(given, thinks);
  if (!(variables instanceof FieldProblem)) return variables;
  throw new EspalierError('REQUEST_INVALID', { param: variables.path.join('.'), problem: variables.problem });
}
