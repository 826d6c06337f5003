import { readFile } from 'node:fs/promises';
import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql';
import { expect, test } from 'vitest';
import { printedSchema, schema } from '../src/graphql/schema.ts';

test('schema.graphql is what the code says; `npm run schema` writes it anew', async () => {
  expect(await readFile('schema.graphql', 'utf8')).toBe(printedSchema());
});

test('every type, field, argument and value says what it means', () => {
  const silent: string[] = [];
  const check = (path: string, { description }: { description?: string | null }) => {
    if (!description?.trim()) silent.push(path);
  };
  const checkField = (path: string, field: GraphQLField<unknown, unknown> | GraphQLInputField) => {
    check(path, field);
    const args: readonly GraphQLArgument[] = 'args' in field ? field.args : [];
    for (const arg of args) check(`${path}(${arg.name})`, arg);
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue;
    check(type.name, type);
    if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value);
    if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) checkField(`${type.name}.${field.name}`, field);
    }
  }
  expect(silent).toEqual([]);
});
