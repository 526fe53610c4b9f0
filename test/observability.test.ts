import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { type MetricDefinition, serverTable, trainingTable } from '../src/telemetry/index.ts';
import { hasPromtool, runPromtool } from '../src/telemetry/testing/promtool.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}deploy/observability/`;
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: { readonly summary?: string; readonly runbook?: string };
}
interface Case {
  readonly name: string;
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
}

const { groups } = parse(read('deploy/observability/rules.yml')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.flatMap((rule) => (rule.alert === undefined ? [] : [{ ...rule, alert: rule.alert }]));
const { tests } = parse(read('deploy/observability/rules.test.yml')) as { tests: Case[] };
const dashboard = JSON.parse(read('deploy/observability/dashboard.json')) as {
  panels: { id: number; title: string; targets?: { expr: string }[] }[];
  annotations: { list: { expr: string }[] };
};

/** Names of series that exist: those of the tables, what histograms make of them, what rules record, and Prometheus' own. */
const existing = new Set(['up', ...rules.flatMap(({ record = '' }) => record)]);
for (const [name, { kind }] of Object.entries<MetricDefinition>({ ...serverTable, ...trainingTable })) {
  if (kind === 'histogram') for (const part of ['bucket', 'sum', 'count']) existing.add(`${name}_${part}`);
  else existing.add(name);
}

/** The series that an expression names: words that are followed by braces, a range, or stand alone, and are no functions or labels. */
function namesIn(expression: string): string[] {
  const bare = expression.replaceAll(/\{[^}]*\}|\b(by|without|on)\s*\([^)]*\)|"[^"]*"|\[[^\]]*\]/g, ' ');
  return (bare.match(/[a-zA-Z_:][\w:]*/g) ?? []).filter(
    (word) => /^(up|device_up)$|[_:]/.test(word) && !/_(quantile|over_time)$/.test(word),
  );
}

describe('the alerts', () => {
  it.each(alerts.map((rule) => [rule.alert, rule] as const))('%s has a page for its rule as it is', (alert, rule) => {
    expect(rule.annotations?.runbook).toBe(`docs/alerts/${alert}.md`);
    const page = read(`docs/alerts/${alert}.md`);
    const mark = createHash('sha256')
      .update(JSON.stringify([rule.expr, rule.for ?? '']))
      .digest('hex')
      .slice(0, 12);
    // WHY: whoever changes a rule must look at what its page says.
    expect(page).toContain(`rule ${mark} of commit `);
    expect(page).toContain('## What to do');
    expect(['page', 'ticket']).toContain(rule.labels?.severity);
  });

  it('have no page without a rule', () => {
    const pages = readdirSync(`${root}docs/alerts`).map((name) => name.replace('.md', ''));
    expect(pages.toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
  });

  it.each(alerts.map(({ alert }) => alert))('%s has a case in which it fires and one in which it does not', (alert) => {
    const cases = tests.flatMap((test) => test.alert_rule_test).filter(({ alertname }) => alertname === alert);
    expect(cases.map(({ exp_alerts: expected }) => expected.length > 0).toSorted()).toEqual([false, true]);
  });

  it('name series that there are', () => {
    const unknown = rules.flatMap(({ expr }) => namesIn(expr)).filter((name) => !existing.has(name));
    expect(unknown).toEqual([]);
    expect(namesIn('rate(espalier_misspelt_total{a="b"}[5m]) > 1')).toEqual(['espalier_misspelt_total']);
  });
});

describe('the dashboard', () => {
  const expressions = [
    ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...dashboard.annotations.list.map(({ expr }) => expr),
  ];

  it('shows series that there are', () => {
    expect(expressions.length).toBeGreaterThan(30);
    expect(expressions.flatMap(namesIn).filter((name) => !existing.has(name))).toEqual([]);
  });

  it('gives each panel an id of its own', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe.skipIf(!hasPromtool)('Prometheus (left out where promtool is not installed; CI installs it)', () => {
  it('accepts the rules, and they fire and do not fire as their cases say', () => {
    expect(existsSync(`${folder}rules.test.yml`)).toBe(true);
    expect(runPromtool(['test', 'rules', `${folder}rules.test.yml`])).toMatchObject({ status: 0 });
  });
});
