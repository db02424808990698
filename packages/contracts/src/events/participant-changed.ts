import { z } from 'zod';
import { byRow, cellAddressSchema, rowFieldsSchema, rowSchema } from '../cells';
import { sealedSchema } from '../sealed';
import { defineEvent } from './define-event';

/**
 * A participant's declared state as REDCap last showed it, and what changed since the last such event. Said by
 * redcap-gateway. `rows` holds the fields that do not identify; `sealed` opens (context `participant:<participantId>`) to
 * `Row[]` with the identifying ones of the same rows. `presence: 'deleted'` carries the last known rows.
 */
export const participantChanged = defineEvent({
  type: 'redcap.participant-changed',
  version: 2,
  // Version 1 named every changed cell with its whole address.
  upcast: {
    1: (payload) => {
      const { changed } = z.object({ changed: z.array(cellAddressSchema) }).parse(payload);
      return { ...(payload as object), changed: byRow(changed) };
    },
  },
  schema: z.object({
    participantId: z.uuid(),
    /** The project role within the binding, e.g. `main`. */
    project: z.string().min(1),
    recordId: z.string().min(1),
    /** 1 for the first record of that number, 2 for one re-created after a deletion, and so on. */
    incarnation: z.number().int().min(1),
    presence: z.enum(['present', 'deleted', 'in-doubt']),
    rows: z.array(rowSchema),
    sealed: sealedSchema,
    /** The cells that differ from the last such event, those that are blank now included; for somebody new, all that hold something. */
    changed: z.array(rowFieldsSchema),
    /** REDCap was read at this instant (study time, ISO UTC). */
    asOf: z.iso.datetime(),
  }),
  key: (payload) => payload.participantId,
  example: {
    participantId: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11',
    project: 'main',
    recordId: '17',
    incarnation: 1,
    presence: 'present',
    rows: [
      {
        event: 'baseline_arm_1',
        instrument: 'participant_info',
        instance: 0,
        values: { part_lang: '2', part_consent_date: '2018-09-04' },
      },
    ],
    sealed: { keyId: 'k1', nonce: 'AAAAAAAAAAAAAAAA', data: 'AAAA' },
    changed: [{ event: 'baseline_arm_1', instrument: 'participant_info', instance: 0, fields: ['part_lang'] }],
    asOf: '2018-09-04T17:00:00.000Z',
  },
});
/** What {@link participantChanged} says. */
export type ParticipantChanged = z.infer<typeof participantChanged.schema>;
