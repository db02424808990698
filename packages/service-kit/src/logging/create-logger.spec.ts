import axios from 'axios';
import { StudybridgeError } from '@studybridge/contracts';
import { runCorrelated } from './correlation';
import { createLogger } from './create-logger';
import { rememberSecret } from './scrub-text';

function record(write: (logger: ReturnType<typeof createLogger>) => void): {
  text: string;
  lines: Record<string, unknown>[];
} {
  let text = '';
  const logger = createLogger({
    service: 'agile-health',
    level: 'trace',
    destination: { write: (line) => void (text += line) },
  });
  write(logger);
  return {
    text,
    lines: text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

const phone = '+16175550142';

it('masks closed keys and scrubs texts wherever they stand', () => {
  const { text } = record((logger) => {
    logger.info(
      { token: 'A'.repeat(8), deep: { mobile_phone: phone, first_name: 'Zelda', nested: [{ lastName: 'Lopez' }] } },
      'x',
    );
    logger.child({ caregiver: 'Zelda Lopez', note: `call ${phone}` }).info('child');
    logger.info(`called ${phone}, 617-555-0142, (617) 555-0142, 6175550142, zelda@example.org`);
    logger.info('sent to %s with %s', phone, 'Bearer abc.def');
    logger.info(`token 9A81268476645C4E5F03428B8AC3AA7B at postgres://u:secret@host/db`);
    logger.info({ [phone]: 1 }, 'as a key');
  });
  expect(text).not.toMatch(/617|Zelda|Lopez|AAAAAAAA|9A812|abc\.def|u:secret|zelda@/);
});

it('masks every secret that was read, in any place', () => {
  rememberSecret('correct horse battery');
  const { text } = record((logger) => logger.info({ odd: 'x correct horse battery y' }, 'correct horse battery'));
  expect(text).not.toMatch(/horse/);
});

it('keeps what is harmless as it is', () => {
  const { lines } = record((logger) => {
    const at = new Date('2018-11-04T09:30:00Z');
    logger.info(
      { count: 1234567890123, at, id: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11', url: 'http://127.0.0.1:49152' },
      'ran',
    );
  });
  expect(lines[0]).toMatchObject({
    count: 1234567890123,
    at: '2018-11-04T09:30:00.000Z',
    id: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11',
    url: 'http://127.0.0.1:49152',
    service: 'agile-health',
    level: 'info',
    msg: 'ran',
  });
});

it('says code, class and message of our errors and only name and code of others', () => {
  const pg = Object.assign(new Error(`duplicate key (mobile)=(${phone})`), {
    name: 'QueryFailedError',
    query: `INSERT … '${phone}'`,
    parameters: [phone, 'Zelda'],
    driverError: {
      code: '23505',
      detail: `Key (mobile)=(${phone}) already exists.`,
      constraint: 'member_mobile',
      table: 'member',
    },
  });
  const http = new axios.AxiosError('Request failed for Zelda', 'ERR_BAD_REQUEST', {
    url: `/members/${phone}`,
    headers: { authorization: 'Bearer very-secret' },
  } as never);
  const ours = new StudybridgeError('The partner is away.', {
    code: 'PARTNER_AWAY',
    errorClass: 'dependency',
    remedy: 'Wait.',
    cause: http,
  });
  const { text, lines } = record((logger) => {
    logger.error(pg);
    logger.error({ err: pg }, 'insert failed');
    logger.error({ err: http });
    logger.error({ err: ours }, 'call failed');
    logger.error(new Error('Zelda'), 'with a message');
  });
  expect(text).not.toMatch(/617|Zelda|very-secret|already exists/);
  expect(lines[0]).toMatchObject({
    err: { name: 'QueryFailedError', code: '23505', constraint: 'member_mobile', table: 'member' },
  });
  expect(lines[0]).not.toHaveProperty('err.message');
  expect(lines[2]).toMatchObject({ err: { name: 'AxiosError', code: 'ERR_BAD_REQUEST' } });
  expect(lines[3]).toMatchObject({
    err: { code: 'PARTNER_AWAY', class: 'dependency', message: 'The partner is away.', cause: { name: 'AxiosError' } },
    msg: 'call failed',
  });
});

it('carries the correlation id through everything awaited', async () => {
  let text = '';
  const logger = createLogger({ service: 's', destination: { write: (line) => void (text += line) } });
  await runCorrelated('poll-7', async () => {
    await Promise.resolve();
    logger.info('inside');
  });
  logger.info('outside');
  const [inside, outside] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(inside?.['correlationId']).toBe('poll-7');
  expect(outside).not.toHaveProperty('correlationId');
});
