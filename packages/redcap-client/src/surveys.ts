import { readLine, readList } from './answers';
import type { CallControl, RedcapWire } from './call';
import { participantSchema, type ParticipantRow } from './types';

/** One survey of one record. A link or code is as good as a key to the person's answers: it belongs into no log. */
export interface SurveyPlace {
  record: string;
  /** Empty in a project without events. */
  event: string;
  instrument: string;
  /** 0 where nothing repeats. */
  instance: number;
}

/** Links and codes of surveys (redcap-api.md §2.20). Asking for a link makes a participant of the record. */
export interface SurveyMethods {
  surveyLink(place: SurveyPlace, control?: CallControl): Promise<string>;
  surveyQueueLink(record: string, control?: CallControl): Promise<string>;
  surveyReturnCode(place: SurveyPlace, control?: CallControl): Promise<string>;
  surveyAccessCode(place: SurveyPlace, control?: CallControl): Promise<string>;
  participantList(survey: { instrument: string; event?: string }, control?: CallControl): Promise<ParticipantRow[]>;
}

const address = /^https?:\/\/[^\s<>"]+$/;
const code = /^[A-Za-z0-9]{4,32}$/;

/** The methods over one wire. */
export function surveyMethods(wire: RedcapWire): SurveyMethods {
  const params = (content: string, place: SurveyPlace) => ({
    content,
    record: place.record,
    instrument: place.instrument,
    event: place.event || undefined,
    repeat_instance: place.instance === 0 ? undefined : String(place.instance),
  });
  return {
    surveyLink: (place, control) =>
      readLine(wire, params('surveyLink', place), {
        shape: address,
        what: 'survey link',
        code: 'REDCAP_BAD_LINK',
        control,
      }),
    surveyQueueLink: (record, control) =>
      readLine(
        wire,
        { content: 'surveyQueueLink', record },
        { shape: address, what: 'survey queue link', code: 'REDCAP_BAD_LINK', control },
      ),
    surveyReturnCode: (place, control) =>
      readLine(wire, params('surveyReturnCode', place), { shape: code, what: 'return code', control }),
    surveyAccessCode: (place, control) =>
      readLine(wire, params('surveyAccessCode', place), { shape: code, what: 'access code', control }),
    participantList: ({ instrument, event }, control) =>
      readList(wire, { content: 'participantList', instrument, event }, participantSchema, { control }),
  };
}
