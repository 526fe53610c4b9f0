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
  const properties = [...settingSchemas()].map(([name, schema]) => {
    const flag = flagOf(name);
    const declared = options.find(({ long }) => long === flag || long === `--no-${flag.slice(2)}`);
    // The help of an option that turns something off does not describe the setting.
    const description = declared?.negate === true ? `false: ${declared.description}` : declared?.description;
    return [flag.slice(2), { ...schema, ...(description !== undefined && { description }) }] as const;
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Settings of espalier train',
    type: 'object',
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}
