import { z } from 'zod';
import { reasonCodes } from '../reasons';
import { sealedSchema } from '../sealed';
import { defineEvent } from './define-event';

/**
 * The answer to `redcap.survey-link-requested`. `link` opens (context `survey-link:<requestId>`) to the address as text: it
 * opens the participant's own survey, so it travels sealed. Null with the reason where REDCap gives none.
 */
export const surveyLinkFound = defineEvent({
  type: 'redcap.survey-link-found',
  version: 1,
  schema: z.object({
    requestId: z.string().min(1),
    participantId: z.uuid(),
    link: sealedSchema.nullable(),
    reason: z.enum(reasonCodes).nullable(),
  }),
  key: (payload) => payload.participantId,
  example: {
    requestId: 'ismile.sandbox|7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11|survey-2m',
    participantId: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11',
    link: { keyId: 'k1', nonce: 'AAAAAAAAAAAAAAAA', data: 'AAAA' },
    reason: null,
  },
});
/** What {@link surveyLinkFound} says. */
export type SurveyLinkFound = z.infer<typeof surveyLinkFound.schema>;
