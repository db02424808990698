export * from './check-mapping';
export * from './codebook';
export * from './define-mapping';
export * from './mapping-error';
export * from './read-cell';
