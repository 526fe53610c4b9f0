import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { EspalierError } from '../core/index.ts';
import { compileTemplate, type Template } from './template.ts';

/** The time at which `judge.py` of the golden case rendered. */
const now = new Date(2024, 6, 9, 4, 5, 6, 789);

interface Snippet {
  readonly title: string;
  readonly template: string;
  /** null where Python raises */
  readonly text: string | null;
}

interface Conversation {
  readonly name: string;
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** null where Python raises; `marks` are what `generation` enclosed, in code points, where the template has it. */
type Expected = null | string | { readonly text: string; readonly marks: readonly (readonly [number, number])[] };

function read<Content>(name: string): Content {
  return JSON.parse(readFileSync(new URL(`../../test/golden/templates/${name}`, import.meta.url), 'utf8'));
}

/** The text, or null where the template is refused. Any other error is one of ours. */
function outcome(template: string, values: Readonly<Record<string, unknown>>): string | null {
  try {
    return compileTemplate(template).render(values, { now }).text;
  } catch (error) {
    if (EspalierError.isInstance(error) && error.code.startsWith('TEMPLATE_')) return null;
    throw error;
  }
}

function renderedBy(template: Template, values: Readonly<Record<string, unknown>>): unknown {
  try {
    const { text, generations } = template.render(values, { now });
    return { text, generations };
  } catch (error) {
    if (EspalierError.isInstance(error) && error.code.startsWith('TEMPLATE_')) return null;
    throw error;
  }
}

/** What is expected, with places in UTF-16 units. */
function inUnits(expected: Expected | undefined): unknown {
  if (expected === undefined || expected === null) return null;
  if (typeof expected === 'string') return { text: expected, generations: [] };
  const characters = Array.from(expected.text);
  const unit = (count: number): number => characters.slice(0, count).join('').length;
  const generations = expected.marks.map(([start, end]) => ({ start: unit(start), end: unit(end) }));
  return { text: expected.text, generations };
}

describe("every snippet is rendered, or refused, as by Python's Jinja2", () => {
  const snippets = read<readonly Snippet[]>('snippets.json');
  const values = read<Readonly<Record<string, unknown>>>('snippet-values.json');
  const titles = [...new Set(snippets.map(({ title }) => title))];

  it.each(titles)('%s', (title) => {
    for (const { template, text } of snippets.filter((one) => one.title === title)) {
      expect.soft(outcome(template, { documents: null, add_generation_prompt: false, ...values }), template).toBe(text);
    }
  });
});

describe('every template renders every conversation, or refuses it, as transformers does', () => {
  const conversations = read<readonly Conversation[]>('conversations.json');
  const expected = read<Readonly<Record<string, readonly Expected[]>>>('templates.json');

  it.each(Object.keys(expected))('%s', (name) => {
    const source = readFileSync(
      new URL(`../../test/golden/templates/templates/${name}.jinja`, import.meta.url),
      'utf8',
    );
    const template = compileTemplate(source);
    for (const [index, { name: about, kwargs, ...values }] of conversations.entries()) {
      expect.soft(renderedBy(template, { ...values, ...kwargs }), about).toEqual(inUnits(expected[name]?.[index]));
    }
  });
});
