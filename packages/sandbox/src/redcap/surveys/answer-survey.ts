import type { Project } from '../project';
import { saveRecord, StaffActionError } from '../records/save-record';

/** The name under which REDCap logs what participants enter (§7.2). */
export const respondent = '[survey respondent]';

/** What a participant enters into a survey: export names and raw values. */
export interface SurveyAnswer {
  record: string;
  /** Unique event name; the project's first event when empty. */
  event?: string;
  instrument: string;
  /** Of a repeating instrument or event; 1 when not given. */
  instance?: number;
  values: Record<string, string>;
  identifier?: string;
  /** False for a participant who saves and will come back. */
  complete: boolean;
}

/**
 * A participant answers a survey (§3.3): the values, the instrument's status (2, or 0 while it is not completed), and the
 * survey's own columns. Answers whether anything changed. Throws `StaffActionError` when the instrument is no survey, or when
 * a value could not have been entered.
 */
export function answerSurvey(project: Project, answer: SurveyAnswer, at: string): boolean {
  const { codebook, data } = project;
  const { instrument, complete } = answer;
  const form = codebook.formIndex.get(instrument);
  if (form === undefined || codebook.form(form).survey === undefined) {
    throw new StaffActionError(`The instrument ${instrument} is no survey of this project.`);
  }
  const status = `${instrument}_complete`;
  const values = { ...answer.values, [status]: complete ? '2' : '0' };
  const changed = saveRecord(project, { ...answer, values, user: respondent }, at);
  const event = answer.event ? codebook.eventByName.get(answer.event)! : codebook.firstEvent;
  const repeatsAsForm = codebook.repeatsAsForm(event, form);
  const instance = repeatsAsForm || codebook.repeatsAsEvent(event) ? (answer.instance ?? 1) : 0;
  const row = data.get(answer.record)!.row(event, repeatsAsForm ? form : -1, instance)!;
  row.survey ??= { timestamps: {} };
  const stamp = complete ? at : '[not completed]';
  const stamped = row.survey.timestamps[instrument] !== stamp;
  row.survey.timestamps[instrument] = stamp;
  if (answer.identifier !== undefined) row.survey.identifier = answer.identifier;
  return changed || stamped;
}
