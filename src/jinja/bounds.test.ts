import { describe, expect, it } from 'vitest';

import { compileTemplate } from './template.ts';

function render(template: string, values: Readonly<Record<string, unknown>> = {}): string {
  return compileTemplate(template).render(values).text;
}

/** Templates that would take more time or memory than there is. */
const hostile: Readonly<Record<string, string>> = {
  'loops in loops':
    '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}',
  'a text repeated': `{{ 'x' * 10 ** 12 }}`,
  'a text doubled': `{% set n = namespace(t='xxxxxxxx') %}{% for i in range(99) %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t | length }}`,
  'many long texts': `{% set n = namespace(l=[]) %}{% for i in range(999) %}{% set n.l = n.l + ['x' * 999999] %}{% endfor %}`,
  'a text replaced by longer ones': `{% set x = 'a' * 999999 %}{{ x.replace('a', x) }}`,
  'a text filled up': `{{ 'a'.center(10 ** 11) }}`,
  'a wide format': `{{ '%999999999d' % 1 }}`,
  'a wide field': `{{ '{:>999999999}'.format(1) }}`,
  'a large int': '{{ 10 ** (10 ** 10) }}',
  'an int squared': '{% set n = namespace(i=9) %}{% for i in range(99) %}{% set n.i = n.i * n.i %}{% endfor %}',
  'a large range': '{{ range(10 ** 12) | list }}',
  'a list repeated': '{{ [1] * 10 ** 12 }}',
  'a macro without an end': '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
  'macros that call twice':
    '{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(90) }}',
  'a deep list': '{% set n = namespace(l=[]) %}{% for i in range(999) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}',
  'a deep list as JSON':
    '{% set n = namespace(l=[]) %}{% for i in range(999) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l | tojson }}',
  'a slow search': `{% set a = 'a' * 999999 %}{% set b = 'a' * 499999 ~ 'b' %}{% for i in range(99) %}{{ b in a }}{% endfor %}`,
  'a block that writes itself': '{% block a %}{{ self.a() }}{% endblock %}',
  'a long word wrapped': `{{ ('x' * 999999) | wordwrap(1) }}`,
  'tags in tags': `{{ ('<>' * 999999) | striptags }}`,
  'long addresses': `{{ ('a@' * 500 ~ ' ') * 999 | urlize }}{{ (('a@' * 500 ~ ' ') * 999) | urlize }}`,
  'deep parentheses': `{{ ${'('.repeat(9999)}1${')'.repeat(9999)} }}`,
  'deep blocks': '{% if 1 %}'.repeat(9999),
  'a long template': ' '.repeat(2 ** 20 + 1),
};

describe('a hostile template ends at a bound', () => {
  it.each(Object.entries(hostile))('%s', (_, template) => {
    expect(() => render(template)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^TEMPLATE_(FAILED|INVALID)$/) }),
    );
  });

  it('reads a long template in time that grows with its length', () => {
    const spaces = `${' '.repeat(300_000)}x`;
    const digits = '1_'.repeat(100_000);
    const before = performance.now();
    expect(render(`${spaces}{%- if 1 %}${spaces}{% endif %}`)).toHaveLength(600_002);
    expect(() => render(`{{ ${digits} }}`)).toThrow(/digits/);
    expect(() => render(`{{ '${'\\N{'.repeat(100_000)}' }}`)).toThrow(/escape/);
    expect(performance.now() - before).toBeLessThan(2000);
  });
});

it('says line and reason of what fails', () => {
  expect(() => render('\n\n{{ x.y }}')).toThrow(/^Line 3 of the template cannot be rendered: 'x' is undefined/);
  expect(() => compileTemplate('\n{% nothing %}')).toThrow(/^Line 2 of the template cannot be read/);
  expect(() => render(`\n{{ raise_exception('no!') }}`)).toThrow(
    expect.objectContaining({ code: 'TEMPLATE_RAISED', details: { line: 2, problem: 'no!' } }),
  );
  expect(() => render(`{{ '&eacute;' | striptags }}`)).toThrow(
    /the entity &eacute; in the filter striptags is not supported/,
  );
});

it('cannot be led out of its values', () => {
  expect(
    render('{{ constructor }}|{{ {}.constructor }}|{{ [].length }}|{{ "".__proto__ }}|{{ x.toString }}', { x: {} }),
  ).toBe('||||');
  expect(render('{{ x.a }}', JSON.parse('{ "x": { "__proto__": { "a": 1 } } }'))).toBe('');
});

it('renders many times from one compilation, each time anew', () => {
  const template = compileTemplate('{% set ns = namespace(n=n) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}');
  expect([1, 2, 2.5].map((n) => template.render({ n }).text)).toEqual(['2', '3', '3.5']);
});
