import { EspalierError } from '../core/index.ts';
import { compileBody } from './compile/compile-body.ts';
import { selfOf } from './compile/block.ts';
import type { Execute } from './compile/context.ts';
import { Scope } from './compile/scope.ts';
import { JsonReader } from './from-json.ts';
import { Run } from './run.ts';
import { parseTemplate } from './syntax/parse-template.ts';
import type { Value } from './values/value.ts';

export interface RenderOptions {
  /** The time of `strftime_now`. Default: now. */
  readonly now?: Date;
}

export interface Rendered {
  readonly text: string;
  /**
   * What `{% generation %}` enclosed, as ranges of the text in UTF-16 units. undefined if a part of it lies inside a macro or another
   * captured text, and is not where that text begins, so that its place in the whole text is unknown. transformers marks another part
   * of the text then.
   */
  readonly generations: readonly { readonly start: number; readonly end: number }[] | undefined;
}

/** A Jinja template, read once and rendered many times. */
export interface Template {
  /** Whether it says with `{% generation %}` what the assistant wrote. */
  readonly hasGenerations: boolean;
  /**
   * Renders the template with values of JSON, character for character as transformers does it with Jinja2.
   * @throws EspalierError TEMPLATE_FAILED, TEMPLATE_RAISED
   */
  render(values: Readonly<Record<string, unknown>>, options?: RenderOptions): Rendered;
}

/** Reads a template. @throws EspalierError TEMPLATE_INVALID */
export function compileTemplate(source: string): Template {
  const { body, hasGenerations } = parseTemplate(source);
  const blocks = new Map<string, Execute>();
  const execute = compileBody(body, { isConditional: false, read: [], blocks });
  return {
    hasGenerations,
    render(values, { now = new Date() } = {}) {
      let run: Run | undefined;
      try {
        const given = readValues(values);
        run = new Run(now, given.count);
        const scope = Scope.of(given.names);
        scope.set('self', selfOf(blocks, scope));
        execute(run, scope);
      } catch (cause) {
        throw located(cause, run?.line ?? 1);
      }
      const text = run.out.join('');
      return { text, generations: run.generationsIn(text) };
    },
  };
}

function readValues(values: Readonly<Record<string, unknown>>): {
  readonly names: readonly (readonly [string, Value])[];
  readonly count: number;
} {
  const reader = new JsonReader();
  const names: (readonly [string, Value])[] = [];
  for (const [name, value] of Object.entries(values))
    if (value !== undefined) names.push([name, reader.readIn(values, name, value)]);
  return { names, count: reader.count };
}

/** Adds the line to an error of the rendering. */
function located(cause: unknown, line: number): unknown {
  if (EspalierError.isInstance(cause)) {
    const { code, details } = cause;
    if (code !== 'TEMPLATE_FAILED' && code !== 'TEMPLATE_RAISED') return cause;
    return new EspalierError(code, { line, problem: String(details['problem']) });
  }
  // WHY: the bounds on depth should be reached first, but the size of the stack is not ours.
  if (cause instanceof RangeError) {
    return new EspalierError(
      'TEMPLATE_FAILED',
      { line, problem: 'it lies too deep, or makes too long a text' },
      { cause },
    );
  }
  return cause;
}
