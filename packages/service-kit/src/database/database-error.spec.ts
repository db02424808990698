import { StudybridgeError } from '@studybridge/contracts';
import { classOf, isPassingDatabaseError } from './database-error';

const coded = (code: string): Error => Object.assign(new Error('told by PostgreSQL or the network'), { code });

it.each(['08006', '53100', '57P01', '58030', '40001', '40P01', '25P03', 'ECONNREFUSED', 'ECONNABORTED'])(
  'counts %s as trouble that passes, also inside what TypeORM throws',
  (code) => {
    expect(isPassingDatabaseError(coded(code))).toBe(true);
    expect(classOf(Object.assign(new Error('query failed'), { driverError: coded(code) }))).toBe('dependency');
  },
);

it.each([
  'Connection terminated unexpectedly',
  'timeout expired',
  'Client has encountered a connection error and is not queryable',
  'Driver not Connected',
])('knows by its words: %s', (message) => {
  expect(isPassingDatabaseError(new Error(message))).toBe(true);
});

it('leaves our mistakes and what has a class of its own as they are', () => {
  expect(classOf(coded('23505'))).toBe('bug');
  expect(classOf(coded('42P01'))).toBe('bug');
  expect(classOf(new TypeError('x is not a function'))).toBe('bug');
  const refused = { code: 'NO_SUCH_FAMILY', errorClass: 'participant', remedy: 'Look it up.' } as const;
  expect(classOf(new StudybridgeError('There is no such family.', refused))).toBe('participant');
});
