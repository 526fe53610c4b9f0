import type { MetricDefinition, Sample } from './definition.ts';

/** The two lines before the values. @see Prometheus, exposition format 0.0.4 */
export function headOf(name: string, { kind, help }: MetricDefinition): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${kind}\n`;
}

/** A value with its labels. */
export function lineOf(name: string, { labels, value }: Sample): string {
  const text = labels === undefined ? '' : typeof labels === 'string' ? labels : labelText(labels);
  return `${name}${text} ${valueText(value)}\n`;
}

/** Labels in the text format, with their braces. */
function labelText(labels: Readonly<Record<string, string>>): string {
  let text = '';
  for (const [name, value] of Object.entries(labels)) text += `${text === '' ? '{' : ','}${name}="${escaped(value)}"`;
  return text === '' ? '' : `${text}}`;
}

const special = /[\\"\n]/;

/** The value of a label in the text format, without its quotation marks. */
export function escaped(value: string): string {
  if (!special.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
