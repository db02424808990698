import {
  commandGiven,
  envelopeSchema,
  jobEnded,
  differencesChanged,
  memberChanged,
  messageRequested,
  messageSettled,
  participantChanged,
  projectPolled,
  reasonCodes,
  reasons,
  surveyLinkFound,
  surveyLinkRequested,
  writeRequested,
  writeSettled,
} from '.';
import { StudybridgeError, actsByItself, causeSchema, errorClassOf } from '.';

const events = [
  commandGiven,
  jobEnded,
  differencesChanged,
  memberChanged,
  messageRequested,
  messageSettled,
  participantChanged,
  projectPolled,
  surveyLinkFound,
  surveyLinkRequested,
  writeRequested,
  writeSettled,
];

describe('event types', () => {
  it.each(events.map((event) => [event.type, event] as const))(
    '%s: its example is valid and has a key',
    (_type, event) => {
      const payload = (event.schema as { parse(value: unknown): unknown }).parse(event.example);
      expect(payload).toEqual(event.example);
      expect((event.key as (payload: unknown) => string)(payload)).toEqual(expect.stringMatching(/.+/));
    },
  );

  it('have names of their own, which are their topics', () => {
    expect(new Set(events.map((event) => event.topic)).size).toBe(events.length);
    for (const event of events) expect(event.topic).toBe(event.type);
  });

  it('keep the arm out of what agile-health says (law 8)', () => {
    expect(JSON.stringify(memberChanged.example)).not.toMatch(/arm|OHT|CWT/);
    expect(memberChanged.schema.safeParse({ ...memberChanged.example, arm: 'OHT' }).data).not.toHaveProperty('arm');
  });

  it('lift what named every changed cell with its whole address', () => {
    const cell = (instrument: string, field: string) => ({ event: 'baseline_arm_1', instrument, instance: 0, field });
    const changed = [cell('a', 'one'), cell('b', 'three'), cell('a', 'two')];
    const lift = participantChanged.upcast![1]!;
    expect(participantChanged.schema.parse(lift({ ...participantChanged.example, changed }))).toMatchObject({
      ...participantChanged.example,
      changed: [
        { event: 'baseline_arm_1', instrument: 'a', instance: 0, fields: ['one', 'two'] },
        { event: 'baseline_arm_1', instrument: 'b', instance: 0, fields: ['three'] },
      ],
    });
    expect(() => lift({ ...participantChanged.example, changed: [{ field: 'one' }] })).toThrow(/changed/);
  });

  it('refuse an envelope without a sequence number', () => {
    const envelope = {
      id: participantChanged.example.participantId,
      type: 'x',
      version: 1,
      key: 'k',
      seq: 1,
      binding: 'ismile.sandbox',
      study: 'ismile',
      occurredAt: '2018-09-04T17:00:00.000Z',
      correlationId: 'c',
      cause: 'live',
      payload: {},
    };
    expect(envelopeSchema.safeParse(envelope).success).toBe(true);
    expect(envelopeSchema.safeParse({ ...envelope, seq: 0 }).success).toBe(false);
    expect(envelopeSchema.safeParse({ ...envelope, cause: 'guess' }).success).toBe(false);
  });
});

describe('causes', () => {
  it('only live and reconcile act by themselves (law 7)', () => {
    expect(causeSchema.options.filter(actsByItself)).toEqual(['live', 'reconcile']);
  });
});

describe('reasons', () => {
  it.each(reasonCodes)('%s has a sentence, something to do and a kind', (code) => {
    expect(reasons[code].sentence).toMatch(/^[A-Z].*\.$/);
    expect(reasons[code].todo).toMatch(/^[A-Z].*\.$/);
    expect(reasons[code].kinds.length).toBeGreaterThan(0);
  });
});

describe('errors', () => {
  it('say what waits', () => {
    const error = new StudybridgeError('The partner is down.', {
      code: 'X',
      errorClass: 'dependency',
      remedy: 'Wait.',
    });
    expect(error).toMatchObject({ name: 'StudybridgeError', retryable: true, errorClass: 'dependency' });
    expect(errorClassOf(new TypeError('x'))).toBe('bug');
  });
});
