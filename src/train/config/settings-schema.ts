import { z } from 'zod';
import { trainOptionsSchema } from './train-config.ts';

/** What JSON Schema says of a setting. */
export type SettingSchema = Readonly<Record<string, unknown>>;

/** The form of each setting of a training as JSON Schema (draft 2020-12), by camelCase name. */
export function settingSchemas(): ReadonlyMap<string, SettingSchema> {
  const { properties = {} } = z.toJSONSchema(trainOptionsSchema, {
    io: 'input',
    unrepresentable: 'any',
    // WHY: it would say that a value may not be written.
    override: ({ jsonSchema }) => void delete jsonSchema.readOnly,
  });
  return new Map(
    Object.entries(properties).flatMap(([name, schema]) => (typeof schema === 'object' ? [[name, { ...schema }]] : [])),
  );
}
