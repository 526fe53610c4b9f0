import { spawnSync } from 'node:child_process';

/** Prometheus' own tool, where it is installed: the package `prometheus` of Debian has it. `PROMTOOL` may name it. */
export const promtool = process.env['PROMTOOL'] ?? 'promtool';

export const hasPromtool = spawnSync(promtool, ['--version']).status === 0;

/** Runs it. @returns its exit status and what it printed */
export function runPromtool(
  words: readonly string[],
  input = '',
): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync(promtool, [...words], { input, encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
}
