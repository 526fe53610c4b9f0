import { withWrittenNumbers } from '../core/index.ts';
import { reservedVariables } from '../tokenizer/index.ts';
import { FieldProblem, isFields } from './field-problem.ts';

/** Values for a chat template, by their names in it. */
export type TemplateVariables = Readonly<Record<string, unknown>>;

/**
 * Reads what a template is given beside the messages: `chat_template_kwargs` with any values, and `enable_thinking`, which clients also
 * send by itself.
 *
 * @returns a problem for a name that the template is given in another way, and for two values of `enable_thinking`
 */
export function readVariables(given: unknown, enableThinking: unknown): TemplateVariables | undefined | FieldProblem {
  if (given !== undefined && given !== null && !isFields(given)) {
    return new FieldProblem(['chat_template_kwargs'], 'an object with values by name is expected');
  }
  const variables = given ?? {};
  const reserved = Object.keys(variables).find((name) => reservedVariables.includes(name));
  if (reserved !== undefined) {
    return new FieldProblem(['chat_template_kwargs', reserved], `the template is given its own ${reserved}`);
  }
  if (enableThinking === undefined || enableThinking === null) return given === null ? undefined : given;
  if (typeof enableThinking !== 'boolean') return new FieldProblem(['enable_thinking'], 'true or false is expected');
  const other = variables['enable_thinking'];
  if (other !== undefined && other !== enableThinking) {
    return new FieldProblem(['enable_thinking'], 'chat_template_kwargs has another value of it');
  }
  return withWrittenNumbers({ ...variables, enable_thinking: enableThinking }, variables);
}
