import { StudybridgeError } from '@studybridge/contracts';
import type { StudyDefinition } from './define-study';
import { studies } from './registry';

/** The study of that id. Throws a `setting` error that names the known ones. */
export function studyById(id: string): StudyDefinition {
  const study = studies.find((candidate) => candidate.id === id);
  if (study !== undefined) return study;
  throw new StudybridgeError(`There is no study "${id}".`, {
    code: 'UNKNOWN_STUDY',
    errorClass: 'setting',
    remedy: `Use one of: ${studies.map((known) => known.id).join(', ')}.`,
  });
}
