export * from './define-agile-health';
export * from './define-cohort';
export * from './define-messaging';
export * from './define-study';
export * from './registry';
export { ismileCohort } from './ismile/cohort/ismile-cohort';
export * from './ismile/oracle/oracle';
export * from './study-by-id';
export type { DictionaryField } from '@studybridge/field-mapping';
