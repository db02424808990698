import * as surveys from '../surveys/surveys';
import { text } from './answer';
import { byAction, listAnswer, need, note, type Call, type Method } from './call';

function asking(answer: (call: Call) => string, details: string): Method {
  return byAction({
    export(call) {
      need(call.user, 'api_export');
      need(call.user, 'manage_survey_participants');
      const said = answer(call);
      note(call, details, 'Manage/Design ', call.params.get('record'));
      return text(said);
    },
  });
}

/** Links and codes of surveys, and who may answer them (§2.20). */
export const surveyMethods: Record<string, Method> = {
  surveyLink: asking(
    (call) => surveys.surveyLink(call.project, call.params, call.user, call.publicUrl),
    'Export survey link (API)',
  ),
  surveyQueueLink: asking(
    (call) => surveys.surveyQueueLink(call.project, call.params, call.user, call.publicUrl),
    'Export survey queue link (API)',
  ),
  surveyAccessCode: asking(
    (call) => surveys.surveyAccessCode(call.project, call.params, call.user),
    'Export survey access code (API)',
  ),
  surveyReturnCode: asking(
    (call) => surveys.surveyReturnCode(call.project, call.params, call.user),
    'Export survey return code (API)',
  ),
  participantList: byAction({
    export(call) {
      need(call.user, 'api_export');
      need(call.user, 'manage_survey_participants');
      call.params.format();
      const list = surveys.participants(call.project, call.params, call.user, call.publicUrl);
      note(call, 'Export survey participant list (API)');
      return listAnswer(call, list);
    },
  }),
};
