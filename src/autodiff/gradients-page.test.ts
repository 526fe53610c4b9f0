import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { standardLowerings } from './lowering/index.ts';
import { standardRules } from './rules/index.ts';

const page = readFileSync(new URL('../../docs/gradients.md', import.meta.url), 'utf8');
const withGradients = [...standardRules.filter(({ stops, refuses }) => !(stops ?? refuses)), ...standardLowerings];

it.each(withGradients.map(({ domain = '', opType }) => [`${domain} ${opType}`.trim()]))(
  'docs/gradients.md tells about %s',
  (operator) => expect(page).toContain(`\`${operator}\``),
);
