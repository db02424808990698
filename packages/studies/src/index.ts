export * from './define-agile-health';
export * from './define-cohort';
export * from './define-study';
