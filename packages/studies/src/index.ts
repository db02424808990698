export * from './define-agile-health';
export * from './define-cohort';
export * from './define-study';
export * from './registry';
export * from './study-by-id';
export type { DictionaryField } from '@studybridge/field-mapping';
