import type { Option } from 'commander';
import { flagOf } from '../core/index.ts';
import { settingSchemas } from '../train/index.ts';

/**
 * The JSON Schema of a settings file for `train --config`: each setting by the name of its option, with the help of that option. No
 * setting is required, because options of the command line may give it.
 *
 * @param options  those of `espalier train`
 */
export function trainFileSchema(options: readonly Option[]): object {
  const settings = settingProperties(options);
  const list = { type: 'array', minItems: 1, maxItems: 64 };
  const run = {
    type: 'object',
    properties: {
      name: { type: 'string', pattern: '^\\w[\\w.=+-]*$', description: 'the name of the run' },
      ...settings,
    },
    additionalProperties: false,
  };
  const values = Object.keys(settings).map((name) => [name, { type: 'array', minItems: 1 }] as const);
  const sweep = {
    type: 'object',
    minProperties: 1,
    properties: Object.fromEntries(values),
    additionalProperties: false,
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Settings of espalier train',
    type: 'object',
    properties: {
      ...settings,
      runs: {
        ...list,
        items: run,
        description: 'several trainings at once: what each has beside the settings above, or instead',
      },
      sweep: {
        ...sweep,
        description: 'several trainings at once: lists of values by setting, one run for each combination',
      },
    },
    additionalProperties: false,
  };
}

/** Each setting, with the help of its option. */
function settingProperties(options: readonly Option[]): Readonly<Record<string, object>> {
  const properties = [...settingSchemas()].map(([name, schema]) => {
    const flag = flagOf(name);
    const declared = options.find(({ long }) => long === flag || long === `--no-${flag.slice(2)}`);
    // The help of an option that turns something off does not describe the setting.
    const description = declared?.negate === true ? `false: ${declared.description}` : declared?.description;
    return [flag.slice(2), { ...schema, ...(description !== undefined && { description }) }] as const;
  });
  return Object.fromEntries(properties);
}
