import { RedcapWire, type RedcapClientOptions } from './call';
import { fileMethods, type FileMethods } from './files';
import { peopleMethods, type PeopleMethods } from './people';
import { projectMethods, type ProjectMethods } from './projects';
import { recordMethods, type RecordMethods } from './records';
import { structureMethods, type StructureMethods } from './structure';
import { surveyMethods, type SurveyMethods } from './surveys';

/** REDCap's whole API (redcap-api.md §2). Every method throws a `RedcapError`, takes a `CallControl` last, and checks what comes back. */
export interface RedcapClient
  extends RecordMethods, StructureMethods, PeopleMethods, ProjectMethods, FileMethods, SurveyMethods {}

/** A client for one project of one REDCap server. */
export function createRedcapClient(options: RedcapClientOptions): RedcapClient {
  const wire = new RedcapWire(options);
  return {
    ...recordMethods(wire),
    ...structureMethods(wire),
    ...peopleMethods(wire),
    ...projectMethods(wire),
    ...fileMethods(wire),
    ...surveyMethods(wire),
  };
}
