import { randomBytes } from 'node:crypto';
import { z } from 'zod';

const studyKeysSchema = z.record(
  z.string().min(1),
  z
    .strictObject({
      current: z.string().min(1),
      keys: z.record(
        z.string().min(1),
        z.string().refine((text) => Buffer.from(text, 'base64').length === 32),
      ),
      /** The key under which fingerprints are made; the first listed when not named. Changing it orphans stored fingerprints. */
      fingerprint: z.string().min(1).optional(),
    })
    .refine((study) => study.current in study.keys)
    .refine((study) => study.fingerprint === undefined || study.fingerprint in study.keys),
);
/** See {@link studyKeysSchema}. */
export type StudyKeys = z.infer<typeof studyKeysSchema>;

/** The keys in a STUDY_KEYS text, or null when it is not one; says no more, since a parser's complaint would show keys. */
export function parseStudyKeys(text: string): StudyKeys | null {
  try {
    const result = studyKeysSchema.safeParse(JSON.parse(text));
    return result.success ? result.data : null;
  } catch {
    return null;
  }
}

/** Fresh keys for these studies, as the JSON that STUDY_KEYS or STUDY_KEYS_FILE holds. */
export function generateStudyKeys(studies: readonly string[]): string {
  const keys = studies.map((study) => [study, { current: 'k1', keys: { k1: randomBytes(32).toString('base64') } }]);
  return JSON.stringify(Object.fromEntries(keys), null, 2);
}
