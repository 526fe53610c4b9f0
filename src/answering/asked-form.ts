import type { Constraint, Constraints, ConstraintSpec } from '../constrain/index.ts';
import { EspalierError } from '../core/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';

/** The form that a request wants for the text of its answer. */
export interface AskedForm {
  readonly spec: ConstraintSpec;
  /** The field that names it. */
  readonly param: string;
}

export interface CompileFormOptions {
  readonly constraints: Pick<Constraints, 'of'>;
  /** undefined for a base without one, whose texts are not known. */
  readonly tokenizer: Pick<Tokenizer, 'vocabulary'> | undefined;
  /** The form that the request named. */
  readonly asked: AskedForm | undefined;
}

/**
 * Compiles the form of an answer: the one that the request named, or one with calls of tools around it. An error names the field it is about.
 * @throws EspalierError REQUEST_UNSUPPORTED for a base without a tokenizer; the errors of the form
 */
export async function compileForm(
  spec: ConstraintSpec,
  { constraints, tokenizer, asked }: CompileFormOptions,
): Promise<Constraint> {
  const param = asked?.param ?? 'tools';
  if (tokenizer === undefined) {
    const problem = 'the base has no tokenizer, so that the text of an answer is not known';
    throw new EspalierError('REQUEST_UNSUPPORTED', { param, problem });
  }
  const compile = (one: ConstraintSpec, of: string): Promise<Constraint> =>
    constraints.of(one, tokenizer).catch((error: unknown) => {
      throw EspalierError.isInstance(error) ? error.about(of) : error;
    });
  try {
    return await compile(spec, 'tools');
  } catch (error) {
    // WHY once more: where the form alone is no better, it is the form and not the tools.
    if (asked !== undefined) await compile(asked.spec, asked.param);
    throw error;
  }
}
