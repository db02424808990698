import { z } from 'zod';
import { defineEvent } from './define-event';

/** A service needs a participant's own link to a survey. redcap-gateway, which alone has the token, answers with `redcap.survey-link-found`. */
export const surveyLinkRequested = defineEvent({
  type: 'redcap.survey-link-requested',
  version: 1,
  schema: z.object({
    /** Chosen by the asker; comes back in the answer. */
    requestId: z.string().min(1),
    participantId: z.uuid(),
    project: z.string().min(1),
    event: z.string(),
    instrument: z.string().min(1),
    instance: z.number().int().min(0),
  }),
  key: (payload) => payload.participantId,
  example: {
    requestId: 'ismile.sandbox|7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11|survey-2m',
    participantId: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11',
    project: 'main',
    event: '2_month_arm_2',
    instrument: 'survey_2m',
    instance: 0,
  },
});
/** What {@link surveyLinkRequested} says. */
export type SurveyLinkRequested = z.infer<typeof surveyLinkRequested.schema>;
