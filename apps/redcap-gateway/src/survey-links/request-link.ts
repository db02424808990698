import type { Envelope, SurveyLinkRequested } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { RedcapProject } from '../projects/redcap-project';

/** Takes a question in. The same one asked again is answered again: the link is not kept, and asking REDCap changes nothing. */
export async function requestLink(
  em: EntityManager,
  project: RedcapProject,
  envelope: Envelope<SurveyLinkRequested>,
  now: Date,
): Promise<void> {
  const { requestId, participantId, event, instrument, instance } = envelope.payload;
  await em.query(
    `INSERT INTO survey_link AS l (request_id, participant_id, binding, role, event, instrument, instance, cause,
        correlation_id, state, requested_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'wanted', $10)
     ON CONFLICT (request_id) DO UPDATE SET participant_id = excluded.participant_id, binding = excluded.binding,
        role = excluded.role, event = excluded.event, instrument = excluded.instrument, instance = excluded.instance,
        cause = excluded.cause, correlation_id = excluded.correlation_id, version = l.version + 1, state = 'wanted',
        reason = NULL, attempts = 0, trouble = NULL, requested_at = excluded.requested_at, answered_at = NULL`,
    [
      requestId,
      participantId,
      project.binding.id,
      project.role,
      event,
      instrument,
      instance,
      envelope.cause,
      envelope.correlationId,
      now,
    ],
  );
}
