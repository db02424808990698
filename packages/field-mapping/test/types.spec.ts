import { expectTypeErrors } from '@studybridge/testing';
import path from 'node:path';

it('refuses misspelt fields, missing codes, fields of other events and words of other shapes at compile time', () => {
  const refusals = expectTypeErrors(path.join(__dirname, 'mapping.types.ts'));
  expect(refusals).toHaveLength(12);
});
