/** What a reason is about: why a person waits, why a write was refused, or what staff should look at. */
export type ReasonKind = 'held' | 'refused' | 'attention';

/** What a reason code means to staff. */
export interface Reason {
  kinds: readonly ReasonKind[];
  /** One sentence for staff; no participant data. */
  sentence: string;
  /** What to do, one sentence. */
  todo: string;
}

const reason = (kinds: ReasonKind[], sentence: string, todo: string): Reason => ({ kinds, sentence, todo });

/**
 * Every reason code that staff can meet, with its sentence and what to do. The codes of the `ag_attention_reason` field
 * are those of `studies.md §1.3`; a code is never renamed, since it stands in REDCap.
 */
export const reasons = {
  // held: consented without a member at the partner (enrolment gate, studies.md §1.5)
  NOT_ELIGIBLE: reason(['held'], 'The family is consented but not marked eligible.', 'Check the eligibility form.'),
  CAREGIVER_NAME_MISSING: reason(
    ['held'],
    'The caregiver’s first or last name is missing.',
    'Complete the participant form.',
  ),
  PHONE_MISSING: reason(['held'], 'No mobile number is recorded.', 'Ask the caregiver for a mobile number.'),
  PHONE_INVALID: reason(['held'], 'The mobile number is not a valid US number.', 'Correct the mobile number.'),
  TEXTING_NOT_ALLOWED: reason(
    ['held'],
    'The caregiver has not agreed to receive texts.',
    'Ask whether texts are welcome and record the answer.',
  ),
  LANGUAGE_MISSING: reason(['held'], 'No language is chosen.', 'Choose English or Spanish.'),
  CHILD_DETAILS_MISSING: reason(
    ['held'],
    'The child’s name, gender or date of birth is missing.',
    'Complete the child’s details.',
  ),
  SITE_MISSING: reason(['held'], 'No clinic is chosen.', 'Choose the clinic.'),
  BASELINE_SURVEY_INCOMPLETE: reason(['held'], 'The baseline survey is not complete.', 'Finish the baseline survey.'),
  WITHDRAWN: reason(['held'], 'The family has withdrawn.', 'Nothing to do.'),
  RECORD_DELETED: reason(
    ['held', 'refused'],
    'The record was deleted in REDCap.',
    'Nothing to do, or restore the record.',
  ),
  BASELINE_NOT_RELEASED: reason(
    ['held'],
    'The family was there before Studybridge went live and is not known at the partner.',
    'Release the family with `ops enrolment release`, or leave it.',
  ),
  RESTORE_NOT_RELEASED: reason(
    ['held'],
    'The databases were put back to an earlier copy, and the family is not known at the partner.',
    'Look at it with `ops enrolment preview`, then release it with `ops enrolment release`.',
  ),
  BEFORE_GO_LIVE: reason(
    ['held'],
    'The consent is dated before Studybridge went live.',
    'Release the family with `ops enrolment release`, or leave it.',
  ),
  EXPIRED: reason(
    ['held'],
    'The deciding fact is too old to act on by itself.',
    'Release the family with `ops enrolment release`, or leave it.',
  ),
  PARTNER_PENDING: reason(['held'], 'The partner has not answered yet.', 'Wait; it heals by itself.'),
  UNKNOWN_CODE: reason(
    ['held', 'attention'],
    'A field holds a code that the mapping does not know.',
    'Correct the field or extend the mapping.',
  ),
  IDENTITY_IN_DOUBT: reason(
    ['held', 'refused', 'attention'],
    'It is not clear whether the record was renamed or replaced.',
    'Say which with `ops identity settle`.',
  ),
  DRIFT: reason(
    ['held', 'refused', 'attention'],
    'The data dictionary no longer fits the mapping.',
    'Update the study folder or restore the dictionary.',
  ),
  DUPLICATE_MOBILE: reason(
    ['held', 'attention'],
    'The partner already has a member with this mobile number.',
    'Decide which family uses the number and correct the other.',
  ),
  REFUSED_FIELDS: reason(
    ['held', 'attention'],
    'The partner refused some of the details.',
    'Correct the fields named in the worklist.',
  ),
  // attention (studies.md §1.3 and §6)
  INVALID_NUMBER: reason(
    ['attention'],
    'The partner found the number to be a landline or out of service.',
    'Ask the caregiver for another number.',
  ),
  SHORTCODE_BLOCKED: reason(
    ['attention'],
    'The carrier blocks short codes for this number.',
    'Ask the caregiver to call the carrier or to give another number.',
  ),
  OPT_IN_EXPIRED: reason(
    ['attention'],
    'The caregiver did not answer the opt-in text within 72 hours.',
    'Call the caregiver and ask for a new opt-in text.',
  ),
  OPT_IN_WAITING: reason(
    ['attention'],
    'The opt-in text has been unanswered for more than 72 hours.',
    'Call the caregiver.',
  ),
  UNDELIVERABLE: reason(
    ['attention'],
    'Three texts in a row could not be delivered.',
    'Check the number with the caregiver.',
  ),
  OPTED_OUT_EARLY: reason(
    ['attention'],
    'The caregiver sent STOP during the four-month programme.',
    'Visits go on; ask whether texts are still welcome.',
  ),
  ARM_WAITING: reason(
    ['attention'],
    'The caregiver opted in more than 24 hours ago and is not randomised.',
    'Randomise the family.',
  ),
  ARM_CONFLICT: reason(
    ['attention'],
    'The arm in REDCap differs from the one already sent to the partner.',
    'A second person must approve the change; write a deviation note.',
  ),
  UNKNOWN_STATUS: reason(
    ['attention'],
    'The partner reports a status or a change of status that we do not know.',
    'Ask the partner; the raw status is kept.',
  ),
  EFFECT_IN_DOUBT: reason(
    ['attention'],
    'It could not be established whether a call to the partner succeeded.',
    'Look at it with `ops effects list` and settle it.',
  ),
  OUT_OF_STEP: reason(
    ['attention'],
    'REDCap and the partner disagree and it was not put right by itself.',
    'Compare both sides and decide.',
  ),
  STAFF_OVERWROTE: reason(
    ['attention', 'refused'],
    'A person changed a cell that Studybridge owns.',
    'Check the cell; it was re-asserted once.',
  ),
  CONSENT_MISSING: reason(['held'], 'No consent is recorded.', 'Record the date of consent, or leave it.'),
  VISIT_DATE_MISSING: reason(
    ['held', 'attention'],
    'The visit is complete but its date is missing or cannot be read.',
    'Enter the date of the visit as YYYY-MM-DD.',
  ),
  // messages: why one was not sent, or what became of it (messaging.md §3 and §9)
  OPTED_OUT: reason(
    ['held', 'attention'],
    'The person sent STOP to the study’s number or asked not to be texted.',
    'Nothing to do; START from the same phone lifts a STOP.',
  ),
  NUMBER_FLAGGED: reason(
    ['held', 'attention'],
    'The number was found not to take texts.',
    'Ask for another number and correct it in REDCap.',
  ),
  EMAIL_MISSING: reason(['held'], 'No e-mail address is recorded.', 'Ask for an address, or leave it.'),
  EMAIL_INVALID: reason(['held', 'attention'], 'The e-mail address is not one.', 'Correct the address.'),
  SURVEY_DONE: reason(['held'], 'The survey is already complete.', 'Nothing to do.'),
  OUTSIDE_WINDOW: reason(['held'], 'The time in which it may be sent has passed.', 'Nothing to do.'),
  CAP_REACHED: reason(
    ['held', 'attention'],
    'The limit of messages was reached.',
    'Check what asked for so many, then raise the limit or leave it.',
  ),
  KILL_SWITCH: reason(
    ['held', 'attention'],
    'Sending is switched off.',
    'Find out why it was switched off before `ops messages resume`.',
  ),
  TEXTED_BY_HAND: reason(['held'], 'Staff recorded a text that they sent by hand.', 'Nothing to do.'),
  TEMPLATE_DATA_MISSING: reason(
    ['held', 'attention'],
    'Something that the text needs is missing.',
    'Complete the participant’s details or correct the template.',
  ),
  SURVEY_LINK_MISSING: reason(
    ['held', 'attention'],
    'REDCap gave no link to the survey.',
    'Check that the instrument is enabled as a survey in that event.',
  ),
  SEND_IN_DOUBT: reason(
    ['attention'],
    'It could not be established whether the message was sent; it is not sent again by itself.',
    'Look at it with `ops messages in-doubt` and settle it.',
  ),
  NO_RECEIPT: reason(['attention'], 'The carrier took the message and never said more.', 'Nothing to do.'),
  UNREACHABLE: reason(
    ['attention'],
    'The phone could not be reached, also later.',
    'Check the number with the participant.',
  ),
  CARRIER_BLOCKED: reason(
    ['attention'],
    'The carrier blocks texts from this sender to the phone.',
    'Ask the participant to unblock the number.',
  ),
  FILTERED: reason(
    ['attention'],
    'A carrier took the message for spam; the same text is not sent again.',
    'Collect several of these and write to the provider’s support.',
  ),
  SENDER_NOT_READY: reason(
    ['attention'],
    'The sending number or its account is not in order; nothing is sent from it.',
    'Read the provider’s message, put the account right, then `ops messages resume`.',
  ),
  CONTENT_REFUSED: reason(['attention'], 'The provider refused the text itself.', 'Correct the template.'),
  ASKED_TO_STOP: reason(
    ['attention'],
    'The person may have asked in their own words not to be texted; sending is paused.',
    'Read the reply in the worklist and decide.',
  ),
  REPLY_WAITING: reason(['attention'], 'A reply waits for somebody to read it.', 'Read it in the worklist.'),
  MAIL_REFUSED: reason(['attention'], 'The mail server refused the message.', 'Check the address.'),
  // the other side changed (law 4), or we ask too much of it (law 6)
  VERSION_CHANGED: reason(
    ['attention'],
    'REDCap was updated to another version.',
    'See that polls and writes still go well, then acknowledge it with `ops monitoring acknowledge`.',
  ),
  RIGHTS_CHANGED: reason(
    ['attention'],
    'The rights behind a REDCap token changed.',
    'Give the right back, or acknowledge the change with `ops monitoring acknowledge`.',
  ),
  ANSWER_SHAPE: reason(
    ['attention'],
    'A partner’s answers hold fields or codes that we do not know.',
    'Ask the partner what changed, then acknowledge it with `ops monitoring acknowledge`.',
  ),
  CALL_BUDGET: reason(
    ['attention'],
    'More calls to REDCap were made today, or more lines left in its log, than planned.',
    'Look at `ops calls list` for what asks so much; raise the budget only if it is meant.',
  ),
  // refused writes (law 3)
  WRONG_PROJECT: reason(
    ['refused', 'attention'],
    'The token opens another project than the binding expects.',
    'Correct the token or the binding.',
  ),
  UNKNOWN_RECORD: reason(['refused'], 'The record does not exist.', 'Check whether it was deleted or renamed.'),
  WRONG_ARM: reason(
    ['refused'],
    'The event belongs to another arm than the participant.',
    'Report it: the requesting service is wrong.',
  ),
  UNKNOWN_EVENT: reason(
    ['refused'],
    'The event does not exist in the project.',
    'Check the study folder against the project.',
  ),
  NOT_DESIGNATED: reason(
    ['refused'],
    'The instrument is not designated to the event.',
    'Check the study folder against the project.',
  ),
  UNKNOWN_FIELD: reason(
    ['refused'],
    'The field does not exist on that instrument.',
    'Check the study folder against the project.',
  ),
  INVALID_VALUE: reason(
    ['refused'],
    'The dictionary does not accept the value.',
    'Report it: the requesting service is wrong.',
  ),
  NOT_OWNED: reason(
    ['refused'],
    'The cell belongs to the staff or to another service.',
    'Report it: the requesting service is wrong.',
  ),
  VALUE_CHANGED: reason(
    ['refused'],
    'The cell was changed after the decision was made.',
    'Nothing to do; the service decides anew.',
  ),
  OVER_CAP: reason(
    ['refused', 'attention'],
    'The write would touch more records than one batch or run may.',
    'Check what caused it, then raise the cap or release the writes.',
  ),
  INSTANCE_TAKEN: reason(
    ['refused'],
    'The repeat instance already holds data.',
    'Report it: the requesting service is wrong.',
  ),
  REDCAP_REFUSED: reason(['refused'], 'REDCap refused the value.', 'Read REDCap’s message in the worklist.'),
  TIMESTAMP_ALONE: reason(
    ['refused'],
    'A timestamp cell may only move together with another cell.',
    'Report it: the requesting service is wrong.',
  ),
} as const satisfies Record<string, Reason>;

/** A code of {@link reasons}. */
export type ReasonCode = keyof typeof reasons;
/** All codes, for schemas. */
export const reasonCodes = Object.keys(reasons) as [ReasonCode, ...ReasonCode[]];
